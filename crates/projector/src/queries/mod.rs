//! The queries that each view answers.

mod alerts;
mod any;
mod decision_basis;
mod deliveries;
mod governing;
mod money;
mod overview;
mod quarantine;
mod reports;
mod status;
mod watched;

pub use alerts::{AlertPage, AlertStateFilter, ChangePage, ChangesAfter, ListAlerts, OneAlert};
pub use any::{FindEvents, FoundEvent, MarkOf, Marks};
pub use decision_basis::{DecidedTask, DecisionBasis, DecisionBasisOf};
pub use deliveries::{
    ChangeToDeliver, ChangesFor, ChangesToDeliver, DeliveriesOf, DeliveryPage, EndpointOf, ListDeliveries,
    RecordedDelivery,
};
pub use governing::{Governing, GoverningOf};
pub use money::{BillsOf, LinesFound, LinesOf};
pub use overview::{ConfigsOf, LastSettingsOf, OverviewOf, SavingsOf};
pub use quarantine::{ListQuarantine, OneQuarantined, QuarantinePage};
pub use reports::{AccessPage, LedgerTotalsOf, ListAccesses, OthersOfClass, TotalsOf};
pub use status::{ListTasks, OneTask, TaskAnswer, TaskPage};
pub use watched::{ObservedOfViews, RunningPage, RunningTasks};
