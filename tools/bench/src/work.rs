//! The work that every store does: idempotent usage events of about 200 bytes, one in twenty sent twice.

/// Bytes of an event's body: 200 including its id.
const BODY_BYTES: usize = 200 - ID_BYTES;

/// Bytes of an id: the text of a ULID, as producers send it.
pub(crate) const ID_BYTES: usize = 26;

/// One event in twenty is a duplicate of an earlier one of the same producer.
const DUPLICATE_EVERY: u64 = 20;

/// Tasks of one producer.
const TASKS_PER_PRODUCER: u64 = 32;

/// The step of SplitMix64's state.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// One event to append.
#[derive(Clone)]
pub(crate) struct Event {
    /// Unique per event; the same for its duplicate.
    pub(crate) id: [u8; ID_BYTES],
    /// The number of its task, over all producers.
    pub(crate) task: u64,
    /// What is stored.
    pub(crate) body: Vec<u8>,
}

/// The events of one producer: infinite, and the same in every run. A batch is about one task, as a tracker
/// sends it.
pub(crate) struct Events {
    producer: u64,
    /// Events generated so far, per task.
    made: Vec<u64>,
    sent: u64,
    state: u64,
}

impl Events {
    pub(crate) fn of_producer(producer: u64) -> Self {
        let made = vec![0; TASKS_PER_PRODUCER as usize];
        Self { producer, made, sent: 0, state: STEP ^ (producer << 32) }
    }

    /// The next events, this many.
    pub(crate) fn batch(&mut self, size: usize) -> Vec<Event> {
        let task = self.random() % TASKS_PER_PRODUCER;
        (0..size).map(|_| self.event(task)).collect()
    }

    /// Events generated so far, not counting duplicates.
    pub(crate) fn distinct(&self) -> u64 {
        self.made.iter().sum()
    }

    fn event(&mut self, task: u64) -> Event {
        self.sent += 1;
        let made = self.made[task as usize];
        let number = if self.sent.is_multiple_of(DUPLICATE_EVERY) && made > 0 {
            // Any earlier one: a retry is close, a replayed file is far back.
            self.random() % made
        } else {
            self.made[task as usize] += 1;
            made
        };
        numbered(self.producer * TASKS_PER_PRODUCER + task, number)
    }

    fn random(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mix(self.state)
    }
}

/// The event of a task with this number.
pub(crate) fn numbered(task: u64, number: u64) -> Event {
    let mixed = mix(number ^ (task << 40));
    let id = ulid((u128::from(mixed) << 64) | u128::from(number | (task << 40)));
    let mut body = Vec::with_capacity(BODY_BYTES);
    let mut word = mixed;
    while body.len() < BODY_BYTES {
        word = mix(word);
        body.extend_from_slice(&word.to_le_bytes());
    }
    body.truncate(BODY_BYTES);
    Event { id, task, body }
}

/// The finalizer of SplitMix64: a bijection that looks random.
pub(crate) fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// A number as the 26 characters of a ULID.
pub(crate) fn ulid(mut number: u128) -> [u8; ID_BYTES] {
    const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut text = [0; ID_BYTES];
    for place in text.iter_mut().rev() {
        *place = DIGITS[(number & 31) as usize];
        number >>= 5;
    }
    text
}

/// An id as text.
pub(crate) fn text(id: &[u8; ID_BYTES]) -> &str {
    std::str::from_utf8(id).expect("digits are ASCII")
}
