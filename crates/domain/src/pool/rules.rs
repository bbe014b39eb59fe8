//! The settings of a pool.

use crate::budget::Window;
use crate::decimal::Decimal;
use crate::tier::Importance;
use crate::yaml::InvalidConfig;
use crate::yaml::fields::Fields;
use crate::yaml::tree::Node;

/// What goes into a pool, and who may draw how much of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolRules {
    /// What is in the pool at the end of such a window, in UTC, expires: hourly, daily, weekly or monthly.
    pub window: Window,
    /// The share of what a completed task left of its limit that goes into the pool.
    pub give: Decimal,
    /// Draws are whole steps of this share of the task's own limit.
    pub step: Decimal,
    /// The limit and what was drawn are never above this multiple of the limit.
    pub ceiling: Decimal,
    /// By importance, the lowest first: the share of what was given in the window that a draw must leave to the others.
    pub leave: [Decimal; 4],
}

impl Default for PoolRules {
    /// Everything that tasks left in a week; steps of a quarter, up to twice the limit; tasks of low importance leave
    /// half, medium ones a quarter, high ones a tenth, critical ones nothing.
    fn default() -> Self {
        Self {
            window: Window::Weekly,
            give: Decimal::ONE,
            step: Decimal::new(25, 2),
            ceiling: Decimal::new(2, 0),
            leave: [Decimal::new(5, 1), Decimal::new(25, 2), Decimal::new(1, 1), Decimal::ZERO],
        }
    }
}

impl PoolRules {
    /// Reads a file of YAML or JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`] with all that is wrong, each with its field, value and rule.
    pub fn from_yaml(text: &str) -> Result<Self, InvalidConfig> {
        super::read::from_yaml(text).map_err(|invalid| invalid.placed_in(text))
    }

    /// The share that a draw of a task of this importance must leave.
    #[must_use]
    pub const fn leave_of(&self, importance: Importance) -> Decimal {
        let [low, medium, high, critical] = self.leave;
        match importance {
            Importance::Low => low,
            Importance::Medium => medium,
            Importance::High => high,
            Importance::Critical => critical,
        }
    }

    /// What a task has to have drawn to go on: all that it used beyond its limit, in whole steps. `None`: more than the
    /// ceiling allows.
    #[must_use]
    pub fn needed(&self, used: u128, limit: u64) -> Option<u64> {
        let beyond = used.saturating_sub(limit.into());
        let step = u128::from(self.step.times_rounded_down(limit).max(1));
        let needed = u64::try_from(beyond.div_ceil(step).saturating_mul(step)).ok()?;
        let most = self.ceiling.times_rounded_down(limit).saturating_sub(limit);
        (needed <= most).then_some(needed)
    }

    /// What the rules say, a line each, defaults included: what a hash is over.
    #[must_use]
    pub fn canonical(&self) -> String {
        self.lines().into_iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
    }

    /// The same as keys and values.
    #[must_use]
    pub fn lines(&self) -> Vec<(String, String)> {
        let own = [
            ("window", self.window.to_string()),
            ("give", self.give.to_string()),
            ("step", self.step.to_string()),
            ("ceiling", self.ceiling.to_string()),
        ];
        let own = own.into_iter().map(|(key, value)| (format!("pool.{key}"), value));
        let leave = Importance::ALL
            .iter()
            .map(|importance| (format!("pool.leave.{importance}"), self.leave_of(*importance).to_string()));
        own.chain(leave).collect()
    }

    /// Reads the section of a config; what is wrong is among the problems of its fields.
    pub(crate) fn section(fields: &mut Fields, field: &str, node: &Node) -> Self {
        super::read::section(fields, field, node)
    }
}
