//! What people do with reports.

use tollgate_domain::event::{PhaseExplained, ReportKind, ReportRead};
use tollgate_domain::usage::NamedExecution;

use super::text::{phase, word};
use crate::error::FieldError;
use crate::proto;

pub(super) fn explained(sent: proto::PhaseExplained) -> Result<PhaseExplained, FieldError> {
    Ok(PhaseExplained {
        execution: NamedExecution { phase: phase("phase", &sent.phase)?, attempt: sent.attempt },
        author: sent.author,
        explanation: sent.explanation,
    })
}

pub(super) fn explained_content(explained: &PhaseExplained) -> proto::PhaseExplained {
    proto::PhaseExplained {
        phase: explained.execution.phase.as_str().to_owned(),
        attempt: explained.execution.attempt,
        author: explained.author.clone(),
        explanation: explained.explanation.clone(),
    }
}

pub(super) fn read(stored: proto::ReportRead) -> Result<ReportRead, FieldError> {
    Ok(ReportRead {
        report: word("report", &stored.report, &ReportKind::NAMES, ReportKind::from_word)?,
        task: stored.task,
        reader: stored.reader,
        address: stored.address,
        format: stored.format,
        redacted: stored.redacted,
    })
}

pub(super) fn read_content(read: &ReportRead) -> proto::ReportRead {
    proto::ReportRead {
        report: read.report.as_str().to_owned(),
        task: read.task.clone(),
        reader: read.reader.clone(),
        address: read.address.clone(),
        format: read.format.clone(),
        redacted: read.redacted,
    }
}
