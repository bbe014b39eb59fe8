//! Random numbers that are the same on every machine: xoshiro256** (Blackman and Vigna, Scrambled Linear
//! Pseudorandom Number Generators, 2021), seeded by SplitMix64 as its authors advise.
#![expect(
    clippy::float_arithmetic,
    reason = "normal deviates; libm's functions give the same bits everywhere"
)]

/// A generator of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Random([u64; 4]);

impl Random {
    /// The numbers of a seed and a stream: different streams of a seed have nothing in common.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        let mut state = seed ^ mix(stream.wrapping_add(0x6a09_e667_f3bc_c909));
        Self(std::array::from_fn(|_| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            mix(state)
        }))
    }

    /// Any number.
    pub(super) fn next(&mut self) -> u64 {
        let [a, b, c, d] = &mut self.0;
        let result = b.wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = *b << 17;
        *c ^= *a;
        *d ^= *b;
        *b ^= *c;
        *a ^= *d;
        *c ^= shifted;
        *d = d.rotate_left(45);
        result
    }

    /// A number below a bound; 0 for the bound 0. Off from even by less than 2⁻³² for bounds below 2³².
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }

    /// Whether something happens that happens in so many of 1,000 cases.
    pub(super) fn happens(&mut self, permille: u32) -> bool {
        self.below(1000) < u64::from(permille)
    }

    /// The place of one of several weights, each as likely as its share.
    pub(super) fn choose(&mut self, weights: &[u32; 4]) -> usize {
        let all: u64 = weights.iter().copied().map(u64::from).sum();
        let mut drawn = self.below(all);
        for (nth, weight) in weights.iter().enumerate() {
            match drawn.checked_sub((*weight).into()) {
                None => return nth,
                Some(rest) => drawn = rest,
            }
        }
        0
    }

    /// A normal deviate (Box and Muller, 1958).
    pub(super) fn normal(&mut self) -> f64 {
        // Above 0 and at most 1, in steps of 2⁻⁵³.
        let mut unit = || ((self.next() >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        let (radius, angle) = (unit(), unit());
        libm::sqrt(-2.0 * libm::log(radius)) * libm::cos(core::f64::consts::TAU * angle)
    }
}

/// The finalizer of SplitMix64.
fn mix(mut word: u64) -> u64 {
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_published_generator() {
        // The reference implementation, from the state 1, 2, 3, 4.
        let mut random = Random([1, 2, 3, 4]);
        let first: Vec<u64> = (0..5).map(|_| random.next()).collect();
        assert_eq!(first, [11_520, 0, 1_509_978_240, 1_215_971_899_390_074_240, 1_216_172_134_540_287_360]);
    }

    #[test]
    fn normal_deviates_have_mean_0_and_variance_1() {
        let mut random = Random::new(7, 0);
        let drawn: Vec<f64> = (0..40_000).map(|_| random.normal()).collect();
        let mean = drawn.iter().sum::<f64>() / 40_000.0;
        let variance = drawn.iter().map(|value| value * value).sum::<f64>() / 40_000.0;
        // Four standard errors: 4 / √40,000 and 4 · √2 / √40,000.
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03, "{mean}, {variance}");
        let below = drawn.iter().filter(|value| **value < 0.674_489_75).count();
        assert!(below.abs_diff(30_000) < 350, "three quarters are below the third quartile: {below}");
    }

    #[test]
    fn choices_have_their_shares_and_streams_differ() {
        let mut random = Random::new(1, 1);
        let mut counts = [0; 4];
        for _ in 0..10_000 {
            counts[random.choose(&[100, 0, 200, 700])] += 1;
        }
        for (count, expected) in counts.into_iter().zip([1000, 0, 2000, 7000_i32]) {
            assert!((count - expected).abs() <= 160, "{counts:?}");
        }
        assert_ne!(Random::new(1, 1).next(), Random::new(1, 2).next());
        assert_ne!(Random::new(1, 1).next(), Random::new(2, 1).next());
    }
}
