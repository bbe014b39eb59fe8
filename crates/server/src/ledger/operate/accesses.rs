//! Who reads reports: noted alongside the answer, never in its way.

use tollgate_domain::event::{Event, EventBody, ReportEvent, ReportKind, ReportRead};
use tollgate_domain::ids::{EventId, ProducerId, TaskId, TenantId};
use tollgate_projector::Wait;
use tollgate_projector::queries::{AccessPage, ListAccesses};
use tollgate_wire::api::AccessList;
use uuid::Uuid;

use super::Operations;
use crate::ledger::{OWN_PRODUCER, Read};
use crate::problem::{Answer, of_query};

/// A read of a report.
#[derive(Clone, Debug)]
pub struct Reading {
    /// What was read.
    pub report: ReportKind,
    /// In which format.
    pub format: &'static str,
    /// Whether names were replaced by pseudonyms.
    pub redacted: bool,
    /// Who, in the reader's own words.
    pub reader: String,
    /// From where.
    pub address: String,
}

/// Which reads to return.
#[derive(Clone, Debug, Default)]
pub struct AccessQuery {
    /// Only of this tenant.
    pub tenant: Option<String>,
    /// Only by this reader.
    pub reader: Option<String>,
    /// Only of this task.
    pub task: Option<String>,
    /// Maximum number of reads to return.
    pub limit: usize,
}

impl Operations {
    /// Notes that someone read a report of a task. It is recorded soon; the read neither waits for that nor
    /// fails with it.
    pub fn note_read(&self, tenant: &str, task: &str, reading: Reading) {
        let Reading { report, format, redacted, reader, address } = reading;
        let tenant = TenantId::new(tenant);
        let id = EventId::new(format!("read-{}", Uuid::now_v7().simple()));
        let (Ok(tenant), Ok(id), Ok(producer)) = (tenant, id, ProducerId::new(OWN_PRODUCER)) else {
            // There is no such tenant to read about.
            return;
        };
        let read = ReportRead {
            report,
            task: task.to_owned(),
            reader,
            address,
            format: format.to_owned(),
            redacted,
        };
        self.reads.note(Event {
            tenant,
            task: TaskId::ledger(),
            producer,
            id,
            occurred_at: Some(self.ask.now()),
            trace_parent: None,
            body: EventBody::Report(ReportEvent::ReportRead(Box::new(read))),
        });
    }

    /// Reads of reports that could not be recorded since this process started.
    #[must_use]
    pub fn reads_lost(&self) -> u64 {
        self.reads.lost()
    }

    /// Who read which report when, latest first.
    ///
    /// # Errors
    ///
    /// The problem to answer with.
    pub async fn accesses(&self, query: AccessQuery, read: &Read) -> Answer<AccessList> {
        // Someone who has read a report finds that in the list; a log that accepts nothing keeps no one from
        // asking.
        let _ = tokio::time::timeout(read.wait, self.reads.recorded()).await;
        let at_least = self.ask.wanted(read).await?;
        let wait = Wait { at_least: at_least.as_ref(), up_to: read.wait };
        let AccessQuery { tenant, reader, task, limit } = query;
        let question = ListAccesses { tenant, reader, task, limit };
        let asked = self.views.reports.ask_all(wait, &question).await;
        let (parts, as_of) = asked.map_err(|error| of_query(&error))?;
        let mut page = AccessPage::default();
        parts.into_iter().for_each(|part| page.merge(part, limit));
        Ok(AccessList { accesses: page.accesses, more: page.more, as_of: as_of.to_string() })
    }
}
