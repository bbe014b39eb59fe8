//! The models that were probably meant by names that the price book does not have.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tollgate_domain::event::AllocationRequest;
use tollgate_domain::price::NoPrice;
use tollgate_domain::time::Timestamp;
use tollgate_domain::tokens::TokenCounts;

use super::request::call;
use crate::ledger::Settings;

/// The most names that are remembered.
const MOST: usize = 1_000;

/// What was found for names before: looking through a book takes longer than a decision, and those who ask for a model
/// ask again. It is a hint: a name that comes into force by itself, at a time that was set before, is not seen until
/// the settings change.
#[derive(Debug, Default)]
pub(super) struct Meant(Mutex<Found>);

#[derive(Debug, Default)]
struct Found {
    /// The settings that it is true for.
    of: Option<Arc<Settings>>,
    names: HashMap<String, Option<String>>,
}

impl Meant {
    /// The entry of the price book that was probably meant, if a request names a model without one.
    pub(super) fn of(
        &self,
        settings: &Arc<Settings>,
        request: &AllocationRequest,
        at: Timestamp,
    ) -> Option<String> {
        let model = request.model.as_deref()?;
        match settings.prices.quote(call(settings, request, at), &TokenCounts::default()) {
            Err(NoPrice::NoEntry) => {}
            Ok(_) | Err(_) => return None,
        }
        if let Some(meant) = self.found(settings).names.get(model) {
            return meant.clone();
        }
        // Nobody waits for it: whoever asks for the same meanwhile looks as well.
        let meant = settings.prices.similar(model, at).map(str::to_owned);
        let mut found = self.found(settings);
        if found.names.len() >= MOST {
            found.names.clear();
        }
        found.names.insert(model.to_owned(), meant.clone());
        meant
    }

    /// What was found with these settings.
    fn found(&self, settings: &Arc<Settings>) -> MutexGuard<'_, Found> {
        // What is in it is complete after each statement.
        let mut found = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !found.of.as_ref().is_some_and(|of| Arc::ptr_eq(of, settings)) {
            *found = Found { of: Some(Arc::clone(settings)), names: HashMap::new() };
        }
        found
    }
}
