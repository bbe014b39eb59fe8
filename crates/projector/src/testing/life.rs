//! Events of tasks at random: more than the rules allow, because a fold takes whatever is in the log.

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::{
    EventBody, GateEvent, ImportanceChanged, Mark, PhaseEnded, PhaseStarted, TaskClosed, TaskMarked,
    TaskOpened, TaskOutcome,
};
use tollgate_domain::gate::{Switches, TaskFigures, decide};
use tollgate_domain::limits::task_limits;
use tollgate_domain::metadata::TaskMetadata;
use tollgate_domain::phase::{Advance, Phase};
use tollgate_domain::tier::{Complexity, Importance};
use tollgate_domain::time::Timestamp;
use tollgate_files::crash::Seeded;
use tollgate_log::contract::NewEvent;

use super::{dated, usage_body};

/// An event of one of a few tasks of three days in 2026.
pub(crate) fn lived(random: &mut Seeded, nth: u64) -> NewEvent {
    let task = format!("T-{:02}", random.number(40));
    let began: Timestamp = "2026-11-21T08:00:00Z".parse().unwrap();
    let at = began.plus_millis(i64::try_from(random.number(3 * 86_400_000)).unwrap());
    let attempt = Some(1 + u32::try_from(random.number(2)).unwrap());
    let phase: Phase = ["PLAN", "THINK", "VERIFY"][random.number(3)].parse().unwrap();
    let body = match random.number(12) {
        0 | 1 => opened(random),
        2 | 3 => EventBody::from(PhaseStarted { phase, attempt, concluded_by: None }),
        4 | 5 => PhaseEnded { phase, attempt }.into(),
        6 => {
            let outcome =
                [TaskOutcome::Completed, TaskOutcome::Cancelled, TaskOutcome::Abandoned][random.number(3)];
            TaskClosed { outcome, reason: None, author: None }.into()
        }
        7 => {
            let to = Importance::ALL[random.number(4)];
            let (author, reason) = ("grace".to_owned(), "the customer waits".to_owned());
            ImportanceChanged { from: None, to, author, reason }.into()
        }
        8 => {
            let mark = [Mark::Legitimate, Mark::Runaway][random.number(2)];
            TaskMarked { mark, author: "grace".to_owned(), reason: "looked at it".to_owned() }.into()
        }
        9 => decided(random, &task, phase),
        _ => usage_body(random.number(60_000) as u64),
    };
    dated(&task, &format!("e{nth}"), Some(at), ["agent", "other"][random.number(2)], body)
}

fn opened(random: &mut Seeded) -> EventBody {
    let metadata = TaskMetadata {
        complexity: Some(Complexity::ALL[random.number(2)]),
        importance: Some(Importance::ALL[random.number(4)]),
        ..TaskMetadata::default()
    };
    let limits = Some(task_limits(&BudgetConfig::built_in(), &metadata).unwrap());
    TaskOpened { metadata, limits }.into()
}

/// What the gate says of a task that used so much, under one phase or another.
fn decided(random: &mut Seeded, task: &str, phase: Phase) -> EventBody {
    let config = BudgetConfig::from_yaml("rollout: enforce\n").unwrap();
    let limits = task_limits(&config, &TaskMetadata::default()).unwrap();
    let figures = TaskFigures {
        task,
        limits: Some(&limits),
        enforcement: tollgate_domain::metadata::Enforcement::On,
        tokens_used: random.number(60_000) as u128,
        latency_ms: 0,
        leaving: None,
        active: None,
        passes: &[],
        progress: None,
    };
    let mut decided = decide(&figures, &Advance::Phase(phase), Switches::from(&config));
    (decided.config_hash, decided.as_of) = (config.hash(), "9f3c@3:1".to_owned());
    EventBody::Gate(GateEvent::GateDecided(Box::new(decided)))
}
