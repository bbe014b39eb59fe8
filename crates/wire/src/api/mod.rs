//! What the HTTP API takes and answers, as typed JSON: one place for the server, the client crate and the CLI.
//!
//! Integers are plain numbers, money is a decimal text without trailing zeros, times are RFC 3339, positions are the
//! text form of `tollgate_domain::position::Position`. Token sums inside are wider; one above 9.2 · 10¹⁸ is answered as
//! that.

mod access;
mod alerts;
mod allocations;
mod amounts;
mod append;
mod bills;
mod budgets;
mod gate;
mod health;
mod keys;
mod ledger;
mod limits;
mod money;
mod operate;
mod policy_rule;
mod policy_status;
mod pool;
mod price_decisions;
mod prices;
mod problem;
mod progress;
mod quarantine;
mod report;
mod reprice;
mod savings;
mod status;
mod usage;
mod word;

pub use access::{AccessList, AccessView};
pub use alerts::{
    AcknowledgeRequest, AlertChangeView, AlertChanges, AlertList, AlertView, AttemptView, DeliveryList,
    DeliveryView, FoldedView, LookResponse, ResendRequest, ResendResponse,
};
pub use allocations::{
    AllocateRequest, AllocationList, AllocationView, CheckResponse, ExtendRequest, PolicyFiguresView,
    ReleaseRequest, RouteRequest, RouteResponse, RouteView,
};
pub use amounts::{AmountView, LimitView, UnpricedView};
pub use append::{AppendRequest, AppendResponse, EventOutcome, FindRequest, FindResponse, Outcome};
pub use bills::{
    BillComparison, BillComparisonRow, BillLineView, BillReason, BillRequest, BillResponse, ComparedAmounts,
    ExplainedDifference,
};
pub use budgets::{
    BudgetList, BudgetRequest, BudgetView, DefaultsRequest, PolicyList, PolicyRequest, PolicyRule,
    PolicyView, RaiseRequest, RaiseView, VersionSource, WithdrawRequest,
};
pub use gate::{GateAfter, GateRequest, GateResponse, MAX_GATES, ReasonView, UtilizationView};
pub use health::{
    BreakerState, BudgetHealth, FigureRow, PhaseRow, ReviewList, ReviewTask, ThresholdProposal, TierRow,
    UtilizationClass, WeekRow,
};
pub use keys::{
    KeyList, KeyRequest, KeyResponse, KeyRevokeRequest, KeyRotateRequest, KeyState, KeyView, SecretText,
};
pub use ledger::{ChosenGroups, DatedAhead, Group, LedgerReport, ReportPeriod, Totals};
pub use limits::{LimitsResponse, PhaseLimitView, PhaseSignalsView, ProgressRulesView};
pub use money::{MoneyExport, MoneyLineView};
pub use operate::{
    ConfigResponse, ConnectionHealth, Health, HealthCheck, LogPage, LogServerHealth, PositionResponse,
    QuarantinedTask, RebuildResponse, ReloadResponse, ViewHealth,
};
pub use policy_status::{BurnView, NearLimit, PolicyStatus};
pub use pool::{PoolDrawer, PoolMoved, PoolView};
pub use price_decisions::{
    PriceAmounts, PriceChangeRow, PriceDecisionAnswer, PriceDecisionRequest, PriceDecisions, PriceDifference,
    PriceEntryHistory, PriceRejected, PriceSetRequest, PriceSourceList, PriceSourceState, PriceTier,
    PriceUpdateReport, PriceUpdateRequest, PriceWaiting,
};
pub use prices::{PriceList, PriceQuote, PriceQuoteLine, PriceQuoteUnit, PriceRow};
pub use problem::Problem;
pub use progress::{ProgressView, RepeatedView};
pub use quarantine::{QuarantineEndRequest, QuarantineEnded, QuarantineList, QuarantinedMessage};
pub use report::{
    Calculation, ClassComparison, Comparison, DecisionView, ExecutionReport, ExplanationView, OverrideView,
    PhaseComparison, ReportTotals, SpreadView, TaskReport, UsageOutside,
};
pub use reprice::{RepriceDay, RepriceReport, RepriceRequest};
pub use savings::{AvoidedRow, ReturnView, RunawayShare, SavingsReport, SavingsRow, SavingsSide, StoppedRow};
pub use status::{ActivePhase, TaskList, TaskSelection, TaskStatus, TaskSummary, TokenTotals};
pub use usage::{UsageGroup, UsageList, UsageRecord, UsageSummary, UsageTotals};
pub use word::{
    AlertState, AllocationStateWord, BudgetStatus, ConfigOrigin, DeliveryState, EnforcementAdvice,
    ExecutionState, FigureVerdict, HealthStatus, PolicyLevel, QuarantineState, RaiseState, ReturnVerdict,
};

/// The header that names a ledger: in answers the epoch of its log and the run of its server,
/// `EPOCH/INSTANCE`; in requests the same, or the epoch alone where any server of the ledger is meant.
pub const LEDGER_HEADER: &str = "tollgate-ledger";
