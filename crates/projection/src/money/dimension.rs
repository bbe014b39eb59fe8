//! What lines of money can be told apart by.

use tollgate_domain::words;

words!(
    /// What lines of money can be told apart by.
    LineDimension {
        /// The owner of the tasks.
        Tenant = "tenant",
        /// Who appended the usage.
        Producer = "producer",
        /// Who served the model.
        Provider = "provider",
        /// Which model.
        Model = "model",
        /// The provider's tier that served it; empty for the standard one.
        ServiceTier = "service_tier",
        /// Which phase; empty for unphased usage.
        Phase = "phase",
        /// The complexity of the task; empty for implicit tasks.
        Complexity = "complexity",
        /// The importance of the task; empty for implicit tasks.
        Importance = "importance",
        /// The price book that the usage was costed with; empty for unpriced usage.
        PriceVersion = "price_version",
        /// Of corrections: the day of the usage that they correct; empty for usage.
        Corrects = "corrects",
    }
);
