//! The services that ask one question a call: which address of the API each method is.

use tonic::{Request, Response, Status, async_trait};

use crate::address::Address;
use crate::door::Door;
use crate::proto::budgets_server::Budgets;
use crate::proto::gate_server::Gate;
use crate::proto::reports_server::Reports;
use crate::proto::tasks_server::Tasks;
use crate::proto::usage_server::Usage;
use crate::proto::{
    AllocateRequest, AllocationQuery, AllocationView, BudgetList, BudgetQuery, BudgetView, BudgetsQuery,
    CheckResponse, ExtendRequest, GateRequest, GateResponse, ReleaseRequest, ReportQuery, TaskList,
    TaskQuery, TaskReport, TaskStatus, TasksQuery, UsageQuery, UsageSummary,
};

#[async_trait]
impl Gate for Door {
    async fn decide(&self, request: Request<GateRequest>) -> Result<Response<GateResponse>, Status> {
        self.call(request, Address::Post { path: "/v1/tasks/{task}/gate", query: &["tenant"] }).await
    }
}

#[async_trait]
impl Budgets for Door {
    async fn check(&self, request: Request<AllocateRequest>) -> Result<Response<CheckResponse>, Status> {
        self.call(request, Address::post("/v1/check")).await
    }

    async fn allocate(&self, request: Request<AllocateRequest>) -> Result<Response<AllocationView>, Status> {
        self.call(request, Address::post("/v1/allocations")).await
    }

    async fn extend(&self, request: Request<ExtendRequest>) -> Result<Response<AllocationView>, Status> {
        self.call(request, Address::post("/v1/allocations/{allocation}/extend")).await
    }

    async fn release(&self, request: Request<ReleaseRequest>) -> Result<Response<AllocationView>, Status> {
        self.call(request, Address::post("/v1/allocations/{allocation}/release")).await
    }

    async fn get_allocation(
        &self,
        request: Request<AllocationQuery>,
    ) -> Result<Response<AllocationView>, Status> {
        self.call(request, Address::Get("/v1/allocations/{allocation}")).await
    }

    async fn list(&self, request: Request<BudgetsQuery>) -> Result<Response<BudgetList>, Status> {
        self.call(request, Address::Get("/v1/budgets")).await
    }

    async fn get(&self, request: Request<BudgetQuery>) -> Result<Response<BudgetView>, Status> {
        self.call(request, Address::Get("/v1/budgets/{budget}")).await
    }
}

#[async_trait]
impl Tasks for Door {
    async fn get(&self, request: Request<TaskQuery>) -> Result<Response<TaskStatus>, Status> {
        self.call(request, Address::Get("/v1/tasks/{task}")).await
    }

    async fn list(&self, request: Request<TasksQuery>) -> Result<Response<TaskList>, Status> {
        self.call(request, Address::Get("/v1/tasks")).await
    }
}

#[async_trait]
impl Reports for Door {
    async fn get(&self, request: Request<ReportQuery>) -> Result<Response<TaskReport>, Status> {
        self.call(request, Address::Get("/v1/tasks/{task}/report")).await
    }
}

#[async_trait]
impl Usage for Door {
    async fn sum(&self, request: Request<UsageQuery>) -> Result<Response<UsageSummary>, Status> {
        self.call(request, Address::Get("/v1/usage/summary")).await
    }
}
