//! The queries that each view answers.

mod alerts;
mod any;
mod budgets;
mod closed;
mod days;
mod decision_basis;
mod deliveries;
mod early;
mod governing;
mod money;
mod moved;
mod overview;
mod prices;
mod quarantine;
mod reports;
mod spent;
mod status;
mod touched;
mod usage;
mod watched;

pub use alerts::{AlertPage, AlertStateFilter, ChangePage, ChangesAfter, ListAlerts, OneAlert};
pub use any::{FindEvents, FoundEvent, MarkOf, Marks};
pub use budgets::{
    AllocationPage, AllocationsNamed, ExpiredBy, HasPolicies, ListAllocations, OpenOfContext,
    TenantBudgetsOf, TenantsWithBudgets,
};
pub use closed::{ClosedPage, ClosedTasks};
pub use decision_basis::{DecidedTask, DecisionBasis, DecisionBasisOf};
pub use deliveries::{
    ChangeToDeliver, ChangesFor, ChangesToDeliver, DeliveriesOf, DeliveryPage, EndpointOf, ListDeliveries,
    RecordedDelivery,
};
pub use early::EarlyCorrections;
pub use governing::{Governing, GoverningOf};
pub use money::{BillsOf, LinesFound, LinesOf};
pub use moved::{AllocationsMoved, MovedAllocations, Raised, RaisedBefore};
pub use overview::{ConfigsOf, LastSettingsOf, OverviewOf, SavingsOf};
pub use prices::{PricesDecided, PricesDecidedPage};
pub use quarantine::{ListQuarantine, OneQuarantined, QuarantinePage};
pub use reports::{AccessPage, LedgerTotalsOf, ListAccesses, OthersOfClass, TotalsOf};
pub use spent::{SinceAnswer, SpentAnswer, SpentNow, SpentOf, SpentOnce, SpentSince, UsageKindsOf};
pub use status::{ListTasks, OneTask, TaskAnswer, TaskPage};
pub use tollgate_projection::spending::{RecordedLate, SpentAsk, Touch, TouchedLately};
pub use touched::{RecordedLateIn, TouchedSince};
pub use usage::{Nearest, NearestTo, UsageSummaryOf, UsageSummaryPart};
pub use watched::{ObservedOfBudgets, ObservedOfViews, RunningPage, RunningTasks};
