//! Decisions about money: budgets and policies. Allocations and pools have files of their own.

mod allocation;
mod parts;
mod policy;
mod pool;

use tollgate_domain::event::{BudgetSet, LimitRaised, PolicySet};

use self::parts::{amount, amount_content, required, written_amount};
use super::{Beside, Kind};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::out::Out;
use crate::proto::{self, Added};
use crate::rules::{labels, optional_text, text};
use crate::values::{optional, or_empty, time_from_proto, time_to_proto};

impl Kind for BudgetSet {
    type Proto = proto::BudgetSet;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            budget: stored.budget,
            title: optional(stored.title),
            description: optional(stored.description),
            owner: optional(stored.owner),
            active: stored.active,
            author: optional(stored.author),
            labels: stored.labels,
            made_at: stored
                .made_at
                .map(time_from_proto)
                .transpose()
                .map_err(|error| error.within("made_at"))?,
            decided_at: stored
                .decided_at
                .map(time_from_proto)
                .transpose()
                .map_err(|error| error.within("decided_at"))?,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::BudgetSet {
            budget: self.budget.clone(),
            title: or_empty(self.title.as_ref()),
            description: or_empty(self.description.as_ref()),
            owner: or_empty(self.owner.as_ref()),
            active: self.active,
            author: or_empty(self.author.as_ref()),
            labels: self.labels.clone(),
            made_at: self.made_at.map(time_to_proto),
            decided_at: self.decided_at.map(time_to_proto),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        optional_text("title", self.title.as_ref())?;
        optional_text("description", self.description.as_ref())?;
        optional_text("owner", self.owner.as_ref())?;
        optional_text("author", self.author.as_ref())?;
        labels(&self.labels)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("budget", &content.budget);
        out.text("title", &content.title);
        out.text("description", &content.description);
        out.text("owner", &content.owner);
        out.value("active", content.active.into());
        out.text("author", &content.author);
        out.labels("labels", &content.labels);
        out.time("made_at", content.made_at);
        out.time("decided_at", content.decided_at);
    }
}

impl Kind for PolicySet {
    type Proto = proto::PolicySet;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        let policy = stored.policy.ok_or_else(|| FieldError::missing("policy"))?;
        Ok(Self {
            version: stored.version,
            policy: policy::to_domain(policy).map_err(|error| error.within("policy"))?,
            author: optional(stored.author),
            reason: optional(stored.reason),
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::PolicySet {
            version: self.version,
            policy: Some(policy::content(&self.policy)),
            author: or_empty(self.author.as_ref()),
            reason: or_empty(self.reason.as_ref()),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        optional_text("author", self.author.as_ref())?;
        optional_text("reason", self.reason.as_ref())
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.count("version", content.version);
        out.optional("policy", content.policy.as_ref().map(policy::written));
        out.text("author", &content.author);
        out.text("reason", &content.reason);
    }
}

impl Kind for LimitRaised {
    type Proto = proto::LimitRaised;

    fn to_domain(stored: Self::Proto, _beside: &mut Beside) -> Result<Self, FieldError> {
        Ok(Self {
            raise: stored.raise,
            withdraws: optional(stored.withdraws),
            policy: stored.policy,
            by: amount("by", stored.by)?,
            from: required("from", stored.from)?,
            until: required("until", stored.until)?,
            author: stored.author,
            reason: stored.reason,
        })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        proto::LimitRaised {
            policy: self.policy.clone(),
            by: Some(amount_content(self.by)),
            from: Some(time_to_proto(self.from)),
            until: Some(time_to_proto(self.until)),
            author: self.author.clone(),
            reason: self.reason.clone(),
            raise: self.raise.clone(),
            withdraws: or_empty(self.withdraws.as_ref()),
        }
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        text("author", &self.author)?;
        text("reason", &self.reason)
    }

    fn write(out: &mut Out, content: &Self::Proto, _added: Option<&Added>) {
        out.text("policy", &content.policy);
        out.value("by", written_amount(content.by.as_ref()));
        out.time("from", content.from);
        out.time("until", content.until);
        out.text("author", &content.author);
        out.text("reason", &content.reason);
        out.text("raise", &content.raise);
        out.text("withdraws", &content.withdraws);
    }
}
