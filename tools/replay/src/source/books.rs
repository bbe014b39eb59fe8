//! The calls of session files, each counted once, as a ledger that imported them would have them in the end.

use std::collections::HashMap;

use tollgate_domain::config::BudgetConfig;
use tollgate_domain::event::{Event, EventBody, UsageEvent};
use tollgate_domain::ids::{EventId, TenantId};
use tollgate_domain::price::{Call as PricedCall, PriceBook};
use tollgate_domain::session_phases::activity::Activity;
use tollgate_domain::tokens::TokenCounts;
use tollgate_import::call::{Call, CallName};
use tollgate_import::families::Families;
use tollgate_import::item::Item;
use tollgate_import::reader::{Format, SessionReader};
use tollgate_import::settle::{Booking, Bookings, settle};
use tollgate_import::sources::Sources;

/// How calls are completed, as the ledger that imported them would.
#[derive(Clone, Debug)]
pub struct Completion {
    /// Owner of the sessions.
    pub tenant: TenantId,
    /// What calls cost.
    pub prices: PriceBook,
    /// The config whose aliases of models hold.
    pub config: BudgetConfig,
}

/// How files are read.
pub(crate) struct Reading<'a> {
    /// Whose they are.
    pub(crate) format: Format,
    /// Owner of the sessions.
    pub(crate) tenant: &'a TenantId,
    /// Whether what calls did is read, too.
    pub(crate) activity: bool,
}

impl Reading<'_> {
    /// Reads all of the files; returns their calls, and how many files could be read.
    pub(crate) fn books(&self, found: &Sources, order: &[String], remarks: &mut Vec<String>) -> (Books, u64) {
        let mut books = Books { families: Families::new(order), ..Books::default() };
        let mut files = 0;
        for file in &found.files {
            books.families.next_file();
            let opened = if self.activity {
                self.format.open_with_activity(&file.path, self.tenant)
            } else {
                self.format.open(&file.path, self.tenant)
            };
            match opened {
                Ok(reader) => {
                    books.read(reader, remarks);
                    files += 1;
                }
                Err(problem) => remarks.push(problem.to_string()),
            }
        }
        (books, files)
    }
}

/// A call that counts.
struct Booked {
    event: Event,
    /// What was recorded of it first.
    recorded: TokenCounts,
    activity: Activity,
}

/// Calls by name.
#[derive(Default)]
pub(crate) struct Books {
    families: Families,
    order: Vec<CallName>,
    booked: HashMap<CallName, Booked>,
}

impl Books {
    fn read(&mut self, reader: Box<dyn SessionReader>, remarks: &mut Vec<String>) {
        for item in reader {
            match item {
                Item::Call(mut call) => {
                    self.families.place(&mut call);
                    self.book(*call);
                }
                Item::Family(family) => {
                    self.families.enter(*family);
                }
                // Nothing was counted by an earlier version here.
                Item::Miscounted(_) => {}
                Item::Problem(problem) => remarks.push(problem.to_string()),
                Item::Note(note) => remarks.push(note.to_string()),
            }
        }
    }

    /// Counts a call once, wherever else it was met.
    fn book(&mut self, mut call: Call) {
        call.elsewhere
            .retain(|other| other.probe.as_ref().is_none_or(|probe| self.booked.contains_key(probe)));
        let bookings: Bookings =
            names_of(&call).filter_map(|name| Some((name.clone(), self.booking(&name)?))).collect();
        // A copy may say more of what the call did than what was read first.
        let known = names_of(&call).find(|name| self.booked.contains_key(name));
        if let Some(booked) = known.and_then(|name| self.booked.get_mut(&name)) {
            booked.activity.merge(call.activity.clone());
        }
        for event in settle(&call, &bookings).events {
            match &event.body {
                EventBody::Usage(UsageEvent::UsageRecorded(usage)) => {
                    let name = CallName { task: event.task.clone(), id: event.id.clone() };
                    let recorded = usage.tokens;
                    self.order.push(name.clone());
                    let activity = call.activity.clone();
                    self.booked.insert(name, Booked { event, recorded, activity });
                }
                EventBody::Usage(UsageEvent::UsageAdjusted(adjusted)) => {
                    let Ok(id) = EventId::new(adjusted.adjusts.as_str()) else { continue };
                    let name = CallName { task: event.task.clone(), id };
                    if let Some(booked) = self.booked.get_mut(&name)
                        && let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &mut booked.event.body
                    {
                        usage.tokens = usage.tokens.changed(&adjusted.tokens).0;
                    }
                }
                EventBody::Usage(_)
                | EventBody::Task(_)
                | EventBody::Gate(_)
                | EventBody::Ledger(_)
                | EventBody::Alert(_)
                | EventBody::Inbox(_)
                | EventBody::Price(_)
                | EventBody::Budget(_)
                | EventBody::Bill(_)
                | EventBody::Key(_)
                | EventBody::Report(_) => {}
            }
        }
    }

    fn booking(&self, name: &CallName) -> Option<Booking> {
        let Booked { event, recorded, .. } = self.booked.get(name)?;
        let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &event.body else { return None };
        Some(Booking {
            occurred_at: event.occurred_at,
            recorded: *recorded,
            current: usage.tokens.into(),
            corrections: 0,
        })
    }

    /// How many calls were met.
    pub(crate) fn calls(&self) -> u64 {
        self.order.len() as u64
    }

    /// The calls that still count, in the order in which they were met, priced if it is said how.
    pub(crate) fn counted(mut self, completion: Option<&Completion>) -> Vec<(Event, Activity)> {
        let mut counted = Vec::new();
        for name in &self.order {
            let Some(Booked { mut event, activity, .. }) = self.booked.remove(name) else { continue };
            if let EventBody::Usage(UsageEvent::UsageRecorded(usage)) = &mut event.body {
                if usage.tokens.total() == 0 {
                    continue;
                }
                if let Some(completion) = completion {
                    let at = event.occurred_at.unwrap_or_default();
                    let call = completion.config.prices.apply(PricedCall::of(usage, at));
                    usage.cost = completion.prices.cost(call, &usage.tokens);
                }
            }
            counted.push((event, activity));
        }
        counted
    }
}

/// The names under which a call may be booked.
fn names_of(call: &Call) -> impl Iterator<Item = CallName> {
    std::iter::once(call.name()).chain(call.elsewhere.iter().map(|other| other.name.clone()))
}
