//! The opening of a task.

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::value::RawValue;
use tollgate_domain::decimal::Decimal;
use tollgate_domain::event::TaskOpened;
use tollgate_domain::metadata::{Enforcement, LimitOverride, TaskMetadata};
use tollgate_domain::phase::Phase;
use tollgate_domain::tier::{Complexity, Importance};

use super::{check_override, override_to_proto, written_override};
use crate::decoded::TextLength;
use crate::error::FieldError;
use crate::kind::{Beside, Kind, Sent, limits};
use crate::object::{self, Object};
use crate::out::Out;
use crate::proto::{self, Added};
use crate::rules::{count, labels, optional_text, text};
use crate::values::{decimal, optional, or_empty, phase, tier, word};

/// Largest `budget_multiplier`, the same as for multipliers in a config.
const MAX_MULTIPLIER: Decimal = Decimal::new(10, 0);

/// Decimal places of a `budget_multiplier`, the same as for multipliers in a config.
const MULTIPLIER_PLACES: u8 = 6;

impl Kind for TaskOpened {
    type Proto = proto::TaskOpened;

    fn to_domain(sent: Self::Proto, beside: &mut Beside) -> Result<Self, FieldError> {
        let multiplier = &sent.budget_multiplier;
        let metadata = TaskMetadata {
            title: optional(sent.title),
            complexity: tier("complexity", &sent.complexity, Complexity::NAMES)?,
            importance: tier("importance", &sent.importance, Importance::NAMES)?,
            justification: optional(sent.justification),
            budget_multiplier: match multiplier.as_str() {
                "" => None,
                text => Some(decimal("budget_multiplier", text)?),
            },
            budget_overrides: overrides(sent.budget_overrides)
                .map_err(|error| error.within("budget_overrides"))?,
            tags: sent.tags,
            labels: sent.labels,
            enforcement: match sent.enforcement.as_str() {
                "" => Enforcement::On,
                text => word("enforcement", text, &["on", "off"], enforcement_word)?,
            },
            author: optional(sent.author),
        };
        let limits = beside.added.limits.take().map(|limits| limits::to_domain(*limits)).transpose();
        Ok(TaskOpened { metadata, limits: limits.map_err(|error| error.within("limits"))? })
    }

    fn content(&self, _text_length: Option<TextLength>) -> Self::Proto {
        content(&self.metadata)
    }

    fn add(&self, _sent: &Self, _text_length: Option<TextLength>, added: &mut Added) {
        added.limits = self.limits.as_ref().map(limits::to_proto).map(Box::new);
    }

    fn check(&self, _text_length: Option<TextLength>) -> Result<(), FieldError> {
        check(&self.metadata)
    }

    fn write(out: &mut Out, content: &Self::Proto, added: Option<&Added>) {
        out.text("title", &content.title);
        out.text("complexity", &content.complexity);
        out.text("importance", &content.importance);
        out.text("justification", &content.justification);
        out.text("budget_multiplier", &content.budget_multiplier);
        let overrides = content.budget_overrides.iter();
        let overrides: Map<_, _> =
            overrides.map(|(phase, limit)| (phase.clone(), written_override(limit))).collect();
        out.filled("budget_overrides", overrides);
        out.texts("tags", &content.tags);
        out.labels("labels", &content.labels);
        out.text("enforcement", &content.enforcement);
        out.text("author", &content.author);
        out.optional("limits", added.and_then(|added| added.limits.as_deref()).map(limits::written));
    }
}

impl Sent for TaskOpened {
    fn read(raw: &RawValue) -> Result<Self::Proto, FieldError> {
        const FIELDS: [&str; 10] = [
            "title",
            "complexity",
            "importance",
            "justification",
            "budget_multiplier",
            "budget_overrides",
            "tags",
            "labels",
            "enforcement",
            "author",
        ];
        let opened = Object::of(raw, &FIELDS)?;
        Ok(proto::TaskOpened {
            title: opened.text("title")?,
            complexity: opened.text("complexity")?,
            importance: opened.text("importance")?,
            justification: opened.text("justification")?,
            budget_multiplier: opened.decimal("budget_multiplier")?,
            budget_overrides: opened.map("budget_overrides", read_override)?,
            tags: opened.texts("tags")?,
            labels: opened.map("labels", object::text)?,
            enforcement: opened.text("enforcement")?,
            author: opened.text("author")?,
        })
    }
}

fn content(metadata: &TaskMetadata) -> proto::TaskOpened {
    proto::TaskOpened {
        title: or_empty(metadata.title.as_ref()),
        complexity: metadata.complexity.map_or("", Complexity::as_str).to_owned(),
        importance: metadata.importance.map_or("", Importance::as_str).to_owned(),
        justification: or_empty(metadata.justification.as_ref()),
        budget_multiplier: metadata.budget_multiplier.map(|factor| factor.to_string()).unwrap_or_default(),
        budget_overrides: metadata
            .budget_overrides
            .iter()
            .map(|(phase, limit)| (phase.as_str().to_owned(), override_to_proto(limit)))
            .collect(),
        tags: metadata.tags.clone(),
        labels: metadata.labels.clone(),
        enforcement: match metadata.enforcement {
            Enforcement::On => String::new(),
            Enforcement::Off => "off".to_owned(),
        },
        author: or_empty(metadata.author.as_ref()),
    }
}

fn check(metadata: &TaskMetadata) -> Result<(), FieldError> {
    optional_text("title", metadata.title.as_ref())?;
    optional_text("justification", metadata.justification.as_ref())?;
    if let Some(factor) = metadata.budget_multiplier {
        if factor.is_zero() || factor > MAX_MULTIPLIER {
            let rule = "must be above 0 and at most 10; use budget_overrides for more";
            return Err(FieldError::new("budget_multiplier", &factor.to_string(), rule));
        }
        if factor.scale() > MULTIPLIER_PLACES {
            let rule = "must have at most 6 decimal places";
            return Err(FieldError::new("budget_multiplier", &factor.to_string(), rule));
        }
    }
    for (phase, limit) in &metadata.budget_overrides {
        check_override(limit)
            .map_err(|error| error.within(&phase.to_lowercase()).within("budget_overrides"))?;
    }
    count("tags", metadata.tags.len())?;
    for (nth, tag) in metadata.tags.iter().enumerate() {
        text(&format!("tags[{nth}]"), tag)?;
    }
    labels(&metadata.labels)?;
    optional_text("author", metadata.author.as_ref())
}

fn read_override(raw: &RawValue) -> Result<proto::LimitOverride, FieldError> {
    let limit = Object::of(raw, &["tokens", "latency_ms"])?;
    Ok(proto::LimitOverride { tokens: limit.count("tokens")?, latency_ms: limit.count("latency_ms")? })
}

fn overrides(
    sent: BTreeMap<String, proto::LimitOverride>,
) -> Result<BTreeMap<Phase, LimitOverride>, FieldError> {
    let mut overrides = BTreeMap::new();
    for (name, limit) in sent {
        let limit = LimitOverride { tokens: limit.tokens, latency_ms: limit.latency_ms };
        if overrides.insert(phase(&name, &name)?, limit).is_some() {
            return Err(FieldError::new(&*name, &name, "names the phase a second time, in another case"));
        }
    }
    Ok(overrides)
}

fn enforcement_word(text: &str) -> Option<Enforcement> {
    match text {
        "on" => Some(Enforcement::On),
        "off" => Some(Enforcement::Off),
        _ => None,
    }
}
