//! What to do next for an endpoint. Pure: the same past, pending messages and time give the same step.

use tollgate_domain::time::Timestamp;

use crate::digest::DigestPolicy;
use crate::outbox::{QueuedMessage, Work};

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// These are due: attempt them, one after another.
    Retry(Vec<QueuedMessage>),
    /// These are fresh: attempt them, one after another.
    Tell(Vec<QueuedMessage>),
    /// Combine all fresh changes into one message.
    Group,
    /// Do nothing before this time, or before something moves.
    Wait(Option<Timestamp>),
}

/// What an endpoint was sent recently. Up to `after` changes within a window are sent one by one. If there
/// are more, the rest wait for the end of the window; and whenever more than `after` are waiting, they are
/// sent as one digest. This is kept in memory only: after a restart, an endpoint is sent at most one window's
/// changes more.
#[derive(Clone, Debug)]
pub struct Course {
    policy: DigestPolicy,
    window: Option<Window>,
    held_until: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    from: Timestamp,
    told: u32,
    /// More changes came than may be sent one by one.
    storm: bool,
}

impl Course {
    /// An endpoint that was sent nothing recently.
    #[must_use]
    pub fn new(policy: DigestPolicy) -> Self {
        Self { policy, window: None, held_until: None }
    }

    /// How many fresh changes must be known to decide.
    #[must_use]
    pub fn fresh_needed(&self) -> usize {
        self.policy.after as usize + 1
    }

    /// Sends nothing to the endpoint before this time, as it has asked.
    pub fn hold(&mut self, until: Timestamp) {
        self.held_until = Some(until);
    }

    /// Decides the next step.
    pub fn step(&mut self, pending: &Work, now: Timestamp) -> Step {
        if pending.disabled {
            return Step::Wait(None);
        }
        self.held_until = self.held_until.filter(|until| *until > now);
        if self.held_until.is_some() {
            return Step::Wait(self.held_until);
        }
        if !pending.due.is_empty() {
            return Step::Retry(pending.due.clone());
        }
        if pending.fresh.is_empty() {
            return Step::Wait(pending.next_due);
        }
        self.tell(&pending.fresh, now)
            .unwrap_or_else(|end| Step::Wait(Some(pending.next_due.map_or(end, |next| next.min(end)))))
    }

    /// What to do with fresh changes, or the end of the window if they have to wait for it.
    fn tell(&mut self, fresh: &[QueuedMessage], now: Timestamp) -> Result<Step, Timestamp> {
        let after = self.policy.after;
        let count = u32::try_from(fresh.len()).unwrap_or(u32::MAX);
        let end = |window: &Window| window.from.plus_millis(i64::from(self.policy.window_s) * 1000);
        // A window in the future is left from before the clock was set back.
        let current = self.window.filter(|window| window.from <= now && now < end(window));
        if let Some(window) = current
            && window.storm
        {
            return Err(end(&window));
        }
        let window = current.unwrap_or(Window { from: now, told: 0, storm: false });
        if count > after {
            self.window = Some(Window { from: now, told: 0, storm: true });
            return Ok(Step::Group);
        }
        if window.told + count > after {
            self.window = Some(Window { storm: true, ..window });
            return Err(end(&window));
        }
        self.window = Some(Window { told: window.told + count, ..window });
        Ok(Step::Tell(fresh.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::tests::change;
    use crate::message::Message;

    fn at(seconds: i64) -> Timestamp {
        "2026-11-21T10:00:00Z".parse::<Timestamp>().unwrap().plus_millis(seconds * 1000)
    }

    fn waiting(n: u32) -> QueuedMessage {
        QueuedMessage { key: n.to_string(), message: Message::of_change("pager", change(n)), attempts: 0 }
    }

    /// The step in a word.
    fn word(step: &Step) -> String {
        match step {
            Step::Retry(messages) => format!("retry {}", messages.len()),
            Step::Tell(messages) => format!("tell {}", messages.len()),
            Step::Group => "group".to_owned(),
            Step::Wait(None) => "wait".to_owned(),
            Step::Wait(Some(until)) => format!("wait {}", until.millis_since(at(0)) / 1000),
        }
    }

    /// given: the policy; when: at these seconds this many changes are fresh; then: this step.
    fn check(after: u32, window_s: u32, script: &[(i64, u32, &str)]) {
        let mut course = Course::new(DigestPolicy { after, window_s });
        for &(second, fresh, expected) in script {
            let seen = fresh.min(u32::try_from(course.fresh_needed()).unwrap());
            let pending = Work { fresh: (0..seen).map(waiting).collect(), ..Work::default() };
            assert_eq!(word(&course.step(&pending, at(second))), expected, "{script:?} at {second}");
        }
    }

    #[test]
    fn storms_become_digests() {
        let quiet: &[(i64, u32, &str)] =
            &[(0, 1, "tell 1"), (30, 2, "tell 2"), (59, 0, "wait"), (61, 3, "tell 3")];
        let burst: &[(i64, u32, &str)] =
            &[(0, 4, "group"), (1, 1, "wait 60"), (59, 100, "wait 60"), (60, 100, "group")];
        let trickle: &[(i64, u32, &str)] = &[
            (0, 2, "tell 2"),
            (10, 1, "tell 1"),
            (20, 1, "wait 60"),
            (50, 3, "wait 60"),
            // No more than may be sent one by one: the storm is over.
            (60, 3, "tell 3"),
            (70, 1, "wait 120"),
            (120, 9, "group"),
            (121, 1, "wait 180"),
            (180, 1, "tell 1"),
            (181, 2, "tell 2"),
        ];
        let clock_set_back: &[(i64, u32, &str)] =
            &[(0, 4, "group"), (-3600, 1, "tell 1"), (-3599, 3, "wait -3540")];
        for script in [quiet, burst, trickle, clock_set_back] {
            check(3, 60, script);
        }
        check(
            1,
            1,
            &[(0, 1, "tell 1"), (0, 1, "wait 1"), (1, 2, "group"), (1, 1, "wait 2"), (2, 1, "tell 1")],
        );
    }

    #[test]
    fn what_is_due_goes_first_and_is_not_counted() {
        let mut course = Course::new(DigestPolicy { after: 1, window_s: 60 });
        let due = vec![waiting(1), waiting(2), waiting(3)];
        let pending = Work { due: due.clone(), fresh: vec![waiting(4)], ..Work::default() };
        assert_eq!(course.step(&pending, at(0)), Step::Retry(due));
        let pending = Work { due: Vec::new(), ..pending };
        assert_eq!(word(&course.step(&pending, at(0))), "tell 1");
        let later = Work { next_due: Some(at(7)), ..pending };
        assert_eq!(word(&course.step(&later, at(1))), "wait 7");
        assert_eq!(word(&course.step(&Work { fresh: Vec::new(), ..later }, at(1))), "wait 7");
    }

    #[test]
    fn an_endpoint_that_asks_for_time_gets_it_for_everything() {
        let mut course = Course::new(DigestPolicy::default());
        course.hold(at(100));
        let pending = Work { due: vec![waiting(1)], fresh: vec![waiting(2)], ..Work::default() };
        assert_eq!(word(&course.step(&pending, at(99))), "wait 100");
        assert_eq!(word(&course.step(&pending, at(100))), "retry 1");
        assert_eq!(word(&course.step(&pending, at(99))), "retry 1");
    }

    #[test]
    fn a_disabled_endpoint_is_sent_nothing() {
        let mut course = Course::new(DigestPolicy::default());
        let pending =
            Work { disabled: true, due: vec![waiting(1)], fresh: vec![waiting(2)], ..Work::default() };
        assert_eq!(word(&course.step(&pending, at(0))), "wait");
    }
}
