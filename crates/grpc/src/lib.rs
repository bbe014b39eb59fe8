//! gRPC
pub mod proto {
    include!(concat!(env!("OUT_DIR"), "/tollgate.api.v1.rs"));
}
