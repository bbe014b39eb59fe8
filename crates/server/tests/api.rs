//! The HTTP API through its router: what is asked, what is answered, with which status and code.

#![expect(clippy::unwrap_used, reason = "in a test an error is a failed test")]

mod support;

#[path = "api/alerts.rs"]
mod alerts;
#[path = "api/append.rs"]
mod append;
#[path = "api/at_once.rs"]
mod at_once;
#[path = "api/bills.rs"]
mod bills;
#[path = "api/bodies.rs"]
mod bodies;
#[path = "api/both_doors.rs"]
mod both_doors;
#[path = "api/budget_alerts.rs"]
mod budget_alerts;
#[path = "api/budget_use.rs"]
mod budget_use;
#[path = "api/budgets.rs"]
mod budgets;
#[path = "api/burn.rs"]
mod burn;
#[path = "api/corrections.rs"]
mod corrections;
#[path = "api/counted_as.rs"]
mod counted_as;
#[path = "api/decided_together.rs"]
mod decided_together;
#[path = "api/deliveries.rs"]
mod deliveries;
#[path = "api/document.rs"]
mod document;
#[path = "api/evidence.rs"]
mod evidence;
#[path = "api/far_ahead.rs"]
mod far_ahead;
#[path = "api/find.rs"]
mod find;
#[path = "api/follow.rs"]
mod follow;
#[path = "api/gate.rs"]
mod gate;
#[path = "api/govern.rs"]
mod govern;
#[path = "api/identity.rs"]
mod identity;
#[path = "api/keys/mod.rs"]
mod keys;
#[path = "api/known_on.rs"]
mod known_on;
#[path = "api/late_alerts.rs"]
mod late_alerts;
#[path = "api/mcp/mod.rs"]
mod mcp;
#[path = "api/memory.rs"]
mod memory;
#[path = "api/money.rs"]
mod money;
#[path = "api/money_answers.rs"]
mod money_answers;
#[path = "api/money_keys.rs"]
mod money_keys;
#[path = "api/named_as_priced.rs"]
mod named_as_priced;
#[path = "api/near.rs"]
mod near;
#[path = "api/overruns.rs"]
mod overruns;
#[path = "api/phases_and_money.rs"]
mod phases_and_money;
#[path = "api/policies.rs"]
mod policies;
#[path = "api/pool.rs"]
mod pool;
#[path = "api/price_decisions.rs"]
mod price_decisions;
#[path = "api/price_keys.rs"]
mod price_keys;
#[path = "api/price_names.rs"]
mod price_names;
#[path = "api/price_notices.rs"]
mod price_notices;
#[path = "api/price_tiers.rs"]
mod price_tiers;
#[path = "api/price_updates.rs"]
mod price_updates;
#[path = "api/prices.rs"]
mod prices;
#[path = "api/progress.rs"]
mod progress;
#[path = "api/quarantine.rs"]
mod quarantine;
#[path = "api/races.rs"]
mod races;
#[path = "api/read_out.rs"]
mod read_out;
#[path = "api/readers.rs"]
mod readers;
#[path = "api/remediation.rs"]
mod remediation;
#[path = "api/reports.rs"]
mod reports;
#[path = "api/routes.rs"]
mod routes;
#[path = "api/spent.rs"]
mod spent;
#[path = "api/throttle.rs"]
mod throttle;
#[path = "api/units.rs"]
mod units;
#[path = "api/unpriced.rs"]
mod unpriced;
#[path = "api/usage.rs"]
mod usage;
#[path = "api/views.rs"]
mod views;
#[path = "api/zones.rs"]
mod zones;
