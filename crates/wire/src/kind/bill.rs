//! What providers billed.

use serde_json::Value;
use tollgate_domain::event::{BillDayRecorded, BillLine};
use tollgate_domain::time::Day;

use super::{Beside, Kind};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::out::Out;
use crate::proto::{self, Added};

impl Kind for BillDayRecorded {
    type Proto = proto::BillDayRecorded;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let lines: Result<_, FieldError> = stored.lines.into_iter().map(line).collect();
        Ok(Self {
            provider: stored.provider,
            account: stored.account,
            day: day(&stored.day)?,
            source: stored.source,
            lines: lines.map_err(|error| error.within("lines"))?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        let line = |line: &BillLine| proto::BillLine {
            model: line.model.clone(),
            tokens: line.tokens,
            amount_usd: line.amount.to_string(),
        };
        proto::BillDayRecorded {
            provider: self.provider.clone(),
            account: self.account.clone(),
            day: self.day.to_string(),
            source: self.source.clone(),
            lines: self.lines.iter().map(line).collect(),
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("provider", &content.provider);
        out.text("account", &content.account);
        out.text("day", &content.day);
        out.text("source", &content.source);
        let line = |line: &proto::BillLine| {
            let mut out = Out::default();
            out.text("model", &line.model);
            out.optional("tokens", line.tokens.map(crate::out::whole));
            out.text("amount_usd", &line.amount_usd);
            out.object()
        };
        out.value("lines", Value::Array(content.lines.iter().map(line).collect()));
    }
}

fn line(stored: proto::BillLine) -> Result<BillLine, FieldError> {
    let amount = stored.amount_usd.parse().map_err(|error: tollgate_domain::money::MoneyError| {
        FieldError::new("amount_usd", &stored.amount_usd, error.to_string())
    })?;
    Ok(BillLine { model: stored.model, tokens: stored.tokens, amount })
}

fn day(text: &str) -> Result<Day, FieldError> {
    text.parse().map_err(|_| FieldError::new("day", text, "must be a day such as 2026-11-21"))
}
