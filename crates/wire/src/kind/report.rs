//! Who read what.

use tollgate_domain::event::{ReportKind, ReportRead};

use super::{Beside, Kind};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::out::Out;
use crate::proto::{self, Added};
use crate::values::word;

impl Kind for ReportRead {
    type Proto = proto::ReportRead;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            report: word("report", &stored.report, ReportKind::NAMES, ReportKind::from_word)?,
            task: stored.task,
            reader: stored.reader,
            address: stored.address,
            format: stored.format,
            redacted: stored.redacted,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::ReportRead {
            report: self.report.as_str().to_owned(),
            task: self.task.clone(),
            reader: self.reader.clone(),
            address: self.address.clone(),
            format: self.format.clone(),
            redacted: self.redacted,
        }
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("report", &content.report);
        out.text("task", &content.task);
        out.text("reader", &content.reader);
        out.text("address", &content.address);
        out.text("format", &content.format);
        out.value("redacted", content.redacted.into());
    }
}
