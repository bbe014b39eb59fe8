//! What an OpenTelemetry collector accepts: the messages of `opentelemetry/proto/collector/metrics/v1` that
//! metrics need, with their field numbers. They are stable since OTLP 1.0; the same types give the JSON form,
//! in which 64-bit integers are strings.

use serde::{Serialize, Serializer};

/// Sums and histograms count since the start of the process.
pub const CUMULATIVE: i32 = 2;

/// `ExportMetricsServiceRequest`.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct ExportRequest {
    /// Always one: this process.
    #[prost(message, repeated, tag = "1")]
    pub resource_metrics: Vec<ResourceMetrics>,
}

/// Metrics of one resource.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct ResourceMetrics {
    /// The process that measured.
    #[prost(message, optional, tag = "1")]
    pub resource: Option<Resource>,
    /// By instrumentation scope.
    #[prost(message, repeated, tag = "2")]
    pub scope_metrics: Vec<ScopeMetrics>,
}

/// The process that measured.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// Its attributes, such as its name.
    #[prost(message, repeated, tag = "1")]
    pub attributes: Vec<KeyValue>,
}

/// Metrics of one scope.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct ScopeMetrics {
    /// Which scope.
    #[prost(message, optional, tag = "1")]
    pub scope: Option<Scope>,
    /// The metrics.
    #[prost(message, repeated, tag = "2")]
    pub metrics: Vec<Metric>,
}

/// `InstrumentationScope`.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// Its version.
    #[prost(string, tag = "2")]
    pub version: String,
}

/// One metric with all its points.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct Metric {
    /// Its name.
    #[prost(string, tag = "1")]
    pub name: String,
    /// What it means.
    #[prost(string, tag = "2")]
    pub description: String,
    /// Its unit, by UCUM: `s`.
    #[prost(string, tag = "3")]
    pub unit: String,
    /// The points.
    #[prost(oneof = "Data", tags = "5, 7, 9")]
    #[serde(flatten)]
    pub data: Option<Data>,
}

/// The points of a metric.
#[derive(Clone, PartialEq, Serialize, prost::Oneof)]
#[serde(rename_all = "camelCase")]
pub enum Data {
    /// Current values.
    #[prost(message, tag = "5")]
    Gauge(Gauge),
    /// What was counted.
    #[prost(message, tag = "7")]
    Sum(Sum),
    /// How values are distributed.
    #[prost(message, tag = "9")]
    Histogram(Histogram),
}

/// Current values.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct Gauge {
    /// One per set of labels.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberPoint>,
}

/// What was counted.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct Sum {
    /// One per set of labels.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<NumberPoint>,
    /// [`CUMULATIVE`].
    #[prost(int32, tag = "2")]
    pub aggregation_temporality: i32,
    /// Whether it only grows.
    #[prost(bool, tag = "3")]
    pub is_monotonic: bool,
}

/// How values are distributed.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct Histogram {
    /// One per set of labels.
    #[prost(message, repeated, tag = "1")]
    pub data_points: Vec<HistogramPoint>,
    /// [`CUMULATIVE`].
    #[prost(int32, tag = "2")]
    pub aggregation_temporality: i32,
}

/// `NumberDataPoint`.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct NumberPoint {
    /// Its labels.
    #[prost(message, repeated, tag = "7")]
    pub attributes: Vec<KeyValue>,
    /// Start of the counting, in nanoseconds of Unix time.
    #[prost(fixed64, tag = "2")]
    #[serde(serialize_with = "text")]
    pub start_time_unix_nano: u64,
    /// When it was read, in nanoseconds of Unix time.
    #[prost(fixed64, tag = "3")]
    #[serde(serialize_with = "text")]
    pub time_unix_nano: u64,
    /// The value.
    #[prost(oneof = "Number", tags = "4, 6")]
    #[serde(flatten)]
    pub value: Option<Number>,
}

/// A number.
#[derive(Clone, Copy, PartialEq, Serialize, prost::Oneof)]
#[serde(rename_all = "camelCase")]
pub enum Number {
    /// A number with a fraction.
    #[prost(double, tag = "4")]
    AsDouble(f64),
    /// A whole number.
    #[prost(sfixed64, tag = "6")]
    AsInt(#[serde(serialize_with = "text")] i64),
}

/// `HistogramDataPoint`.
#[derive(Clone, PartialEq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct HistogramPoint {
    /// Its labels.
    #[prost(message, repeated, tag = "9")]
    pub attributes: Vec<KeyValue>,
    /// Start of the counting, in nanoseconds of Unix time.
    #[prost(fixed64, tag = "2")]
    #[serde(serialize_with = "text")]
    pub start_time_unix_nano: u64,
    /// When it was read, in nanoseconds of Unix time.
    #[prost(fixed64, tag = "3")]
    #[serde(serialize_with = "text")]
    pub time_unix_nano: u64,
    /// The number of values.
    #[prost(fixed64, tag = "4")]
    #[serde(serialize_with = "text")]
    pub count: u64,
    /// The sum of all values.
    #[prost(double, optional, tag = "5")]
    pub sum: Option<f64>,
    /// The number of values up to each bound and above the previous one; the last is for those above all
    /// bounds.
    #[prost(fixed64, repeated, tag = "6")]
    #[serde(serialize_with = "texts")]
    pub bucket_counts: Vec<u64>,
    /// The upper bounds of the buckets, one fewer than there are counts.
    #[prost(double, repeated, tag = "7")]
    pub explicit_bounds: Vec<f64>,
}

/// A label.
#[derive(Clone, PartialEq, Eq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct KeyValue {
    /// Its name.
    #[prost(string, tag = "1")]
    pub key: String,
    /// Its value.
    #[prost(message, optional, tag = "2")]
    pub value: Option<AnyValue>,
}

/// The value of a label: always a text here.
#[derive(Clone, PartialEq, Eq, Serialize, prost::Message)]
#[serde(rename_all = "camelCase")]
pub struct AnyValue {
    /// The text.
    #[prost(oneof = "Value", tags = "1")]
    #[serde(flatten)]
    pub value: Option<Value>,
}

/// The kinds of values that are sent.
#[derive(Clone, PartialEq, Eq, Serialize, prost::Oneof)]
#[serde(rename_all = "camelCase")]
pub enum Value {
    /// A text.
    #[prost(string, tag = "1")]
    StringValue(String),
}

impl KeyValue {
    /// A label with a text value.
    #[must_use]
    pub fn new(key: &str, value: &str) -> Self {
        let value = AnyValue { value: Some(Value::StringValue(value.to_owned())) };
        Self { key: key.to_owned(), value: Some(value) }
    }

    /// Its text; empty if it has none.
    #[must_use]
    pub fn text(&self) -> &str {
        match self.value.as_ref().and_then(|value| value.value.as_ref()) {
            Some(Value::StringValue(text)) => text,
            None => "",
        }
    }
}

fn text<S: Serializer>(number: &(impl ToString + Copy), serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&number.to_string())
}

fn texts<S: Serializer>(numbers: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(numbers.iter().map(ToString::to_string))
}
