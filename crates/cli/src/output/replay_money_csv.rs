//! Tasks whose outcome under policies differs, as rows of the CSV of a replay.

use tollgate_projection::report::csv_text;
use tollgate_replay::what_if::result::{DifferingMoney, MoneyOutcome, MoneyResult, RefusedRequest};

/// A row for each set of policies of each task. Of a stopped task it has the request that was refused: `rule` is what
/// `policy` said to it, `used` what was spent and reserved before, `asked` what it asked for; in tokens if the policy
/// limits these, else in US dollars.
pub(super) fn rows(money: &MoneyResult) -> String {
    let rows = money.differing.iter().flat_map(|task| {
        let outcomes = money.candidates.iter().zip(&task.outcomes);
        outcomes.map(|(candidate, outcome)| row(task, &candidate.name, outcome))
    });
    rows.collect()
}

fn row(task: &DifferingMoney, candidate: &str, outcome: &MoneyOutcome) -> String {
    let mut cells = vec![
        csv_text(&task.tenant),
        csv_text(&task.task),
        task.stage.to_owned(),
        task.mark.unwrap_or_default().to_owned(),
        task.used.tokens.to_string(),
        task.live.unwrap_or_default().to_owned(),
        csv_text(candidate),
        outcome.outcome.to_owned(),
    ];
    match &outcome.refused {
        Some(refused) => cells.extend(of_request(refused)),
        None => cells.extend(std::iter::repeat_n(String::new(), 10)),
    }
    cells.join(",") + "\r\n"
}

fn of_request(refused: &RefusedRequest) -> [String; 10] {
    let [used, limit, unit, asked] = match (refused.limit_tokens, &refused.limit_usd) {
        (None, Some(limit)) => {
            [refused.used_usd.clone(), limit.clone(), "usd".to_owned(), refused.asked_usd.clone()]
        }
        (limit, _) => {
            let limit = limit.map(|limit| limit.to_string()).unwrap_or_default();
            let (used, asked) = (refused.used_tokens.to_string(), refused.asked_tokens.to_string());
            [used, limit, "tokens".to_owned(), asked]
        }
    };
    [
        refused.at.clone(),
        String::new(),
        refused.ruling.to_owned(),
        used,
        limit,
        unit,
        refused.after.tokens.to_string(),
        refused.after.cost_usd.clone(),
        csv_text(&refused.policy),
        asked,
    ]
}

#[cfg(test)]
mod tests {
    use tollgate_replay::what_if::result::Amounts;

    use super::*;

    #[test]
    fn a_stopped_task_has_the_request_that_was_refused() {
        let refused = |limit_tokens, limit_usd: Option<&str>| RefusedRequest {
            at: "2026-11-21T08:02:00Z".to_owned(),
            policy: "p, q".to_owned(),
            ruling: "refused",
            limit_tokens,
            limit_usd: limit_usd.map(str::to_owned),
            used_tokens: 900,
            used_usd: "0.0009".to_owned(),
            asked_tokens: 200,
            asked_usd: "0.0002".to_owned(),
            after: Amounts { tokens: 250, cost_usd: "0.00025".to_owned(), ..Amounts::default() },
        };
        let task = DifferingMoney {
            tenant: "default".to_owned(),
            task: "C".to_owned(),
            stage: "abandoned",
            mark: None,
            used: Amounts { tokens: 250, ..Amounts::default() },
            live: Some("refused"),
            outcomes: Vec::new(),
        };
        let of = |refused| row(&task, "tight.yaml", &MoneyOutcome { outcome: "blocked", refused });
        let begin = "default,C,abandoned,,250,refused,tight.yaml,blocked,2026-11-21T08:02:00Z,,refused,";
        let usd = format!("{begin}0.0009,0.001,usd,250,0.00025,\"p, q\",0.0002\r\n");
        assert_eq!(of(Some(refused(None, Some("0.001")))), usd);
        let tokens = format!("{begin}900,1000,tokens,250,0.00025,\"p, q\",200\r\n");
        assert_eq!(of(Some(refused(Some(1000), Some("0.001")))), tokens);
        let within = row(&task, "loose.yaml", &MoneyOutcome { outcome: "within", refused: None });
        assert_eq!(within, "default,C,abandoned,,250,refused,loose.yaml,within,,,,,,,,,,\r\n");
    }
}
