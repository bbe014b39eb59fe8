//! Every list that can be used, and what became of each source.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use tollgate_domain::price::{ModelName, PriceHistory, SourceList, has_shrunk};
use tollgate_domain::time::Timestamp;
use tollgate_outbound::{Resolve, SystemResolver, Timeouts};

use crate::adapter::{Adapter, Request};
use crate::cache::{Cache, Cached};
use crate::config::{MAX_SOURCES, Place, PriceSources, SourceConfig};
use crate::fetch;

/// How many sources are asked at a time: the most that a file may name are asked in two turns, so that those who
/// wait for an update have an answer while they still wait, whatever the sources do.
const AT_A_TIME: usize = MAX_SOURCES / 2;

/// What is due within a minute is due: an update that comes as often as a list is to be fetched would otherwise be a
/// moment too early for it, every other time.
const NEARLY_DUE_MS: i64 = 60_000;

/// How lists are gathered.
pub struct Gather<'a> {
    /// Where fetched lists are kept.
    pub cache: &'a Path,
    /// What is known about the sources: a list that lost many models since is not used.
    pub history: &'a PriceHistory,
    /// Models that are of interest beside those that the lists name.
    pub models: BTreeSet<ModelName>,
    /// Fetch even what is not due.
    pub refresh: bool,
    /// Sources whose lists may have shrunk: a person says so.
    pub accept_shrunk: BTreeSet<String>,
    /// The present.
    pub now: Timestamp,
    /// Who resolves names.
    pub resolver: Arc<dyn Resolve>,
    /// How long a request may take, where not as long as usual.
    pub timeouts: Option<Timeouts>,
}

/// What became of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The id of the source.
    pub source: String,
    /// Why its list is not used; `None`: it is.
    pub problem: Option<String>,
    /// Something to know about a list that is used: it is an old one.
    pub note: Option<String>,
    /// How many entries it prices.
    pub models: u64,
    /// The SHA-256 of its text; empty: there is none.
    pub checksum: String,
    /// When its text was fetched.
    pub fetched_at: Option<Timestamp>,
    /// Whether it was asked just now.
    pub asked: bool,
}

/// The lists, and what became of each source.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The lists that can be used.
    pub lists: Vec<SourceList>,
    /// Every source.
    pub checked: Vec<Checked>,
}

/// The text of a source, or why there is none.
struct Fetched {
    cached: Result<Cached, String>,
    note: Option<String>,
    asked: bool,
}

impl<'a> Gather<'a> {
    /// With the machine's resolver, and nothing but what is due.
    #[must_use]
    pub fn new(cache: &'a Path, history: &'a PriceHistory, now: Timestamp) -> Self {
        Self {
            cache,
            history,
            models: BTreeSet::new(),
            refresh: false,
            accept_shrunk: BTreeSet::new(),
            now,
            resolver: Arc::new(SystemResolver),
            timeouts: None,
        }
    }

    /// Asks the sources that are due, several at a time, and reads all lists. No source's failure is one of
    /// the update, and a slow one takes no more than its own time. What became of each is in the order of the
    /// config.
    pub async fn run(self, config: &PriceSources) -> Gathered {
        let asked: Vec<_> = config.sources.iter().map(|source| self.fetched(source)).collect();
        let fetched: Vec<Fetched> = stream::iter(asked).buffered(AT_A_TIME).collect().await;
        let each = config.sources.iter().zip(fetched);
        let texts: Vec<_> = each.map(|(source, fetched)| (source, source.kind.adapter(), fetched)).collect();
        let mut models = self.models.clone();
        for (_, adapter, fetched) in &texts {
            models.extend(fetched.cached.iter().flat_map(|cached| adapter.names(&cached.text)));
        }
        let request = Request { models: &models, at: self.now };
        let mut gathered = Gathered::default();
        for (source, adapter, fetched) in texts {
            let (checked, list) = self.read(source, &*adapter, fetched, &request);
            gathered.checked.push(checked);
            gathered.lists.extend(list);
        }
        gathered
    }

    async fn fetched(&self, source: &SourceConfig) -> Fetched {
        let target = match &source.place {
            Place::File(path) => {
                let cached = fetch::read(path).map(|text| Cached::new(text, self.now));
                return Fetched {
                    cached: cached.map_err(|error| error.to_string()),
                    note: None,
                    asked: true,
                };
            }
            Place::Address(target) => target,
        };
        let from = source.place.text();
        let cache = Cache::new(self.cache, &source.id, &from);
        let kept = cache.read();
        let ms = |seconds: u64| i64::try_from(seconds.saturating_mul(1000)).unwrap_or(i64::MAX);
        let due_after = ms(source.every_s).saturating_sub(NEARLY_DUE_MS);
        let fresh = kept.as_ref().is_some_and(|kept| kept.age_ms(self.now) < due_after);
        let asked_at = cache.asked_at().map(|asked_at| self.now.millis_since(asked_at));
        let paused = asked_at.is_some_and(|since| (0..ms(source.pause_s)).contains(&since));
        if paused || (fresh && !self.refresh) {
            let why = "it was asked a moment ago and gave no list; try again later";
            let kept = kept.filter(|kept| self.is_usable(source, kept));
            let note = (!fresh).then(|| "asked a moment ago: the list kept from before is used".to_owned());
            return Fetched { cached: kept.ok_or_else(|| why.to_owned()), note, asked: false };
        }
        let problem = match fetch::get(target, Arc::clone(&self.resolver), self.timeouts).await {
            Ok(text) => {
                let cached = Cached::new(text, self.now);
                return Fetched { cached: Ok(cached), note: None, asked: true };
            }
            Err(error) => error.to_string(),
        };
        // What cannot be kept is asked for again next time.
        let _ = cache.asked_in_vain(self.now);
        self.standing_in(source, kept, problem)
    }

    /// Whether a list kept from before is not too old.
    fn is_usable(&self, source: &SourceConfig, kept: &Cached) -> bool {
        kept.age_ms(self.now) <= i64::try_from(source.keep_s.saturating_mul(1000)).unwrap_or(i64::MAX)
    }

    /// The list kept from before, if it is not too old.
    fn standing_in(&self, source: &SourceConfig, kept: Option<Cached>, problem: String) -> Fetched {
        match kept.filter(|kept| self.is_usable(source, kept)) {
            Some(kept) => {
                let note = Some(format!("the list of {} is used: {problem}", kept.fetched_at));
                Fetched { cached: Ok(kept), note, asked: true }
            }
            None => Fetched { cached: Err(problem), note: None, asked: true },
        }
    }

    fn read(
        &self,
        source: &SourceConfig,
        adapter: &dyn Adapter,
        fetched: Fetched,
        request: &Request<'_>,
    ) -> (Checked, Option<SourceList>) {
        let mut checked = Checked {
            source: source.id.clone(),
            problem: None,
            note: fetched.note,
            models: 0,
            checksum: String::new(),
            fetched_at: None,
            asked: fetched.asked,
        };
        let read = fetched.cached.and_then(|cached| {
            let listed = adapter.read(&cached.text, request).map_err(|error| error.to_string())?;
            Ok((cached, listed))
        });
        let (cached, listed) = match read {
            Ok(read) => read,
            Err(problem) => {
                if let (Place::Address(_), true) = (&source.place, checked.asked) {
                    // Not asked again at once. What cannot be kept is asked for again next time.
                    let _ = Cache::new(self.cache, &source.id, &source.place.text()).asked_in_vain(self.now);
                }
                checked.problem = Some(problem);
                return (checked, None);
            }
        };
        checked.models = u64::try_from(listed.len()).unwrap_or(u64::MAX);
        checked.checksum.clone_from(&cached.checksum);
        checked.fetched_at = Some(cached.fetched_at);
        let before = self.history.sources.get(&source.id).map_or(0, |known| known.models);
        if has_shrunk(before, checked.models) && !self.accept_shrunk.contains(&source.id) {
            checked.problem = Some(format!(
                "the list has {} models, and had {before} when it was last used: more than a tenth is gone. If that is right: \
                 `tollgate prices update --accept-shrink {}`",
                checked.models, source.id
            ));
            return (checked, None);
        }
        if let Place::Address(_) = source.place {
            let from = source.place.text();
            // What cannot be kept is asked for again next time.
            if checked.asked
                && checked.note.is_none()
                && let Err(error) = Cache::new(self.cache, &source.id, &from).keep(&cached)
            {
                checked.note =
                    Some(format!("the list could not be kept in {}: {error}", self.cache.display()));
            }
        }
        let mut list = SourceList {
            source: source.id.clone(),
            trust: source.trust,
            scraped: adapter.is_scraped(),
            listed: std::collections::BTreeMap::new(),
        };
        for one in listed {
            list.listed.entry(one.model.clone()).or_default().push(one);
        }
        (checked, Some(list))
    }
}
