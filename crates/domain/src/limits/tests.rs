//! The anchors of the rules as a table, and every combination against exact rationals.

use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;

use super::*;

fn limits(complexity: &str, importance: &str) -> TaskLimits {
    let metadata = TaskMetadata {
        complexity: Some(complexity.parse().unwrap()),
        importance: Some(importance.parse().unwrap()),
        ..TaskMetadata::default()
    };
    task_limits(&BudgetConfig::built_in(), &metadata).unwrap()
}

/// `importance complexity phase | tokens latency_ms`; phase `all` is the total.
#[test]
fn anchors_of_the_rules() {
    let table = "
        critical Large  THINK | 18000 405000
        low      Small  PR    | 504   10080
        medium   Medium THINK | 6000  135000
        low      Tiny   PR    | 315   6300
        low      Small  SPEC  | 840   22400
        medium   Medium all   | 23400 573000
        critical Large  all   | 70200 1719000
        low      Tiny   all   | 8190  200550
        high     Small  all   | 28080 687600
    ";
    for line in table.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (given, expected) = line.split_once('|').unwrap();
        let given: Vec<&str> = given.split_whitespace().collect();
        let limits = limits(given[1], given[0]);
        let got = match given[2] {
            "all" => (limits.total_tokens(), limits.total_latency_ms()),
            phase => {
                let limit = limits.phase(&phase.parse().unwrap()).unwrap();
                (limit.tokens, limit.latency_ms)
            }
        };
        let expected: Vec<u64> = expected.split_whitespace().map(|number| number.parse().unwrap()).collect();
        assert_eq!(got, (expected[0], expected[1]), "{line}");
    }
}

#[test]
fn the_product_is_exact_where_binary_floats_are_not() {
    // In binary floats 1000 × 0.5 × 0.7 × 1.1 is 385.00000000000006, whose ceil is 386.
    let factors = ["0.5", "0.7", "1.1"].map(|text| text.parse().unwrap());
    assert_eq!(ceil_product(1000, factors.into_iter()), Some(385));
}

#[test]
fn an_override_is_absolute_and_wins_over_the_multiplier() {
    let mut metadata =
        TaskMetadata { budget_multiplier: Some("2.0".parse().unwrap()), ..TaskMetadata::default() };
    let overridden = LimitOverride { tokens: Some(10_000), latency_ms: None };
    metadata.budget_overrides.insert("think".parse().unwrap(), overridden);
    let limits = task_limits(&BudgetConfig::built_in(), &metadata).unwrap();
    let think = limits.phase(&"THINK".parse().unwrap()).unwrap();
    assert_eq!((think.tokens, think.latency_ms), (10_000, 270_000));
    let spec = limits.phase(&"SPEC".parse().unwrap()).unwrap();
    assert_eq!((spec.tokens, spec.latency_ms), (3000, 80_000));
    assert_eq!(limits.warnings, ["override of THINK to 10000 tokens is below the computed 12000"]);
}

#[test]
fn an_override_of_an_unknown_phase_is_refused() {
    let mut metadata = TaskMetadata::default();
    metadata.budget_overrides.insert("THIMK".parse().unwrap(), LimitOverride::default());
    let error = task_limits_or_fallback(&BudgetConfig::built_in(), &metadata).unwrap_err().to_string();
    assert!(error.starts_with("phase `THIMK`: must be one of STRATEGIZE"), "{error}");
    assert!(error.ends_with("did you mean `THINK`?"), "{error}");
}

#[test]
fn importance_is_stated_else_inferred_else_medium() {
    let config = BudgetConfig::built_in();
    let of = |importance: Option<Importance>, tag: &str| {
        let tags = vec![tag.to_owned()];
        let limits =
            task_limits(&config, &TaskMetadata { importance, tags, ..TaskMetadata::default() }).unwrap();
        (limits.importance, limits.importance_source)
    };
    assert_eq!(of(Some(Importance::Low), "security"), (Importance::Low, ImportanceSource::Stated));
    assert_eq!(of(None, "security"), (Importance::Critical, ImportanceSource::Tag("security".to_owned())));
    assert_eq!(of(None, "blue"), (Importance::Medium, ImportanceSource::Default));
}

#[test]
fn remaining_counts_the_phases_not_completed() {
    let limits = limits("Medium", "medium");
    let done = ["STRATEGIZE", "THINK"].map(|name| name.parse().unwrap());
    assert_eq!(limits.remaining(&done), (23_400 - 4500 - 6000, 573_000 - 90_000 - 135_000));
    assert_eq!(limits.remaining(&[]), (23_400, 573_000));
}

#[test]
fn the_breakdown_shows_each_factor() {
    let breakdown = limits("Large", "critical").breakdown();
    assert!(breakdown.starts_with("complexity Large ×1.5, importance critical ×2\n"), "{breakdown}");
    let think = "THINK: 18000 = ceil(4000 × 1.5 × 2 × 1.5) tokens; 405000 = ceil(90000 × 1.5 × 2 × 1.5) ms\n";
    assert!(breakdown.contains(think), "{breakdown}");
}

#[test]
fn a_failed_calculation_falls_back_to_medium_and_says_so() {
    let mut config = BudgetConfig::built_in();
    config.phases[0].tokens = u64::MAX;
    let metadata = TaskMetadata { importance: Some(Importance::Critical), ..TaskMetadata::default() };
    assert!(matches!(task_limits(&config, &metadata), Err(LimitError::TooLarge { .. })));
    config.phases[0].tokens = u64::MAX / 2;
    config.phases[0].weight = Decimal::ONE;
    let limits = task_limits_or_fallback(
        &config,
        &TaskMetadata {
            importance: Some(Importance::Critical),
            complexity: Some(Complexity::Large),
            ..TaskMetadata::default()
        },
    )
    .unwrap();
    assert_eq!((limits.complexity, limits.importance), (Complexity::Medium, Importance::Medium));
    assert!(
        limits.warnings[0]
            .starts_with("limit calculation failed, using Medium and medium: limit of STRATEGIZE")
    );
}

fn rational(decimal: Decimal) -> BigRational {
    BigRational::new(BigInt::from(decimal.mantissa()), BigInt::from(10).pow(decimal.scale().into()))
}

fn multiplier() -> impl Strategy<Value = Decimal> {
    (1_u64..=10_000_000).prop_map(|millionths| Decimal::new(millionths, 6))
}

proptest! {
    // 64 sets of factors × 16 tiers × 9 phases: 9,216 limits against big rationals, in about 3 s.
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Every combination of tiers, under any valid factors: the limit is the ceil of the exact product.
    #[test]
    fn every_combination_is_the_ceil_of_the_exact_product(
        complexity in prop::array::uniform4(multiplier()),
        importance in prop::array::uniform4(multiplier()),
        weights in prop::collection::vec((1_u64..=10_000_000_000, multiplier()), 9),
        task in prop::option::of(multiplier()),
    ) {
        let mut config = BudgetConfig::built_in();
        config.complexity = complexity;
        config.importance = importance;
        for (base, (amount, weight)) in config.phases.iter_mut().zip(weights) {
            base.tokens = amount;
            base.latency_ms = amount;
            base.weight = weight;
        }
        for (&c, &i) in Complexity::ALL.iter().flat_map(|c| Importance::ALL.iter().map(move |i| (c, i))) {
            let metadata = TaskMetadata {
                complexity: Some(c), importance: Some(i), budget_multiplier: task, ..TaskMetadata::default()
            };
            let limits = task_limits(&config, &metadata).unwrap();
            for (base, limit) in config.phases.iter().zip(&limits.phases) {
                let exact = BigRational::from_integer(BigInt::from(base.tokens))
                    * rational(config.complexity_multiplier(c))
                    * rational(config.importance_multiplier(i))
                    * rational(base.weight)
                    * task.map_or_else(|| rational(Decimal::ONE), rational);
                prop_assert_eq!(BigInt::from(limit.tokens), exact.ceil().to_integer());
                prop_assert_eq!(limit.tokens, limit.latency_ms);
            }
        }
    }
}
