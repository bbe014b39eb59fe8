//! The questions that each view answers.

mod alerts;
mod any;
mod deliveries;
mod reports;
mod status;
mod watched;

pub use alerts::{AlertPage, ChangePage, ChangesAfter, ListAlerts};
pub use any::{FindEvents, FoundEvent, MarkOf, Marks};
pub use deliveries::{
    ChangesFor, DeliveriesOf, DeliveryPage, EndpointOf, ListDeliveries, OneAlert, Recorded, Told, ToldPage,
};
pub use reports::{LedgerTotalsOf, TotalsOf};
pub use status::{ListTasks, OneTask, TaskAnswer, TaskPage};
pub use watched::{ObservedOfViews, RunningPage, RunningTasks};
