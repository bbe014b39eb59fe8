//! From an endpoint in the configuration to the channel that sends to it.

use std::sync::Arc;

use tollgate_outbound::guard::{Resolve, SystemResolver};

use crate::bus::{Bus, Publish};
use crate::channel::Channel;
use crate::config::{Endpoint, Way};
use crate::secret::Secret;
use crate::signature::Signer;
use crate::webhook::{Webhook, WebhookError};

/// Why alerts cannot be delivered to an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The webhook cannot be set up.
    #[error("endpoint `{name}`: {reason}")]
    Webhook {
        /// Which endpoint.
        name: String,
        /// Why.
        reason: WebhookError,
    },
    /// It requires a bus, and there is none.
    #[error(
        "endpoint `{name}`: `nats: true` needs a ledger on NATS: start with `--log nats://…`, or give a `url`"
    )]
    NoBus {
        /// Which endpoint.
        name: String,
    },
}

impl Endpoint {
    /// The channel that sends to it. Secrets are read here, and the modes of their files checked.
    ///
    /// # Errors
    ///
    /// [`ChannelError`] with the endpoint's name.
    pub fn channel<P: Publish>(&self, bus: Option<P>) -> Result<Arc<dyn Channel>, ChannelError> {
        self.channel_with(bus, Arc::new(SystemResolver))
    }

    /// Like [`Self::channel`], with the caller's resolver.
    ///
    /// # Errors
    ///
    /// [`ChannelError`] with the endpoint's name.
    pub fn channel_with<P: Publish>(
        &self,
        bus: Option<P>,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Arc<dyn Channel>, ChannelError> {
        let failed = |reason| ChannelError::Webhook { name: self.name.clone(), reason };
        match &self.way {
            Way::Webhook { target, secret_files, trust } => {
                let secrets: Result<Vec<Secret>, _> =
                    secret_files.iter().map(|file| Secret::read(file)).collect();
                let signer = Signer::new(secrets.map_err(|error| failed(error.into()))?);
                let webhook = Webhook::new(target.clone(), signer, trust, resolver);
                Ok(Arc::new(webhook.map_err(|error| failed(error.into()))?))
            }
            Way::Bus => {
                let bus = bus.ok_or_else(|| ChannelError::NoBus { name: self.name.clone() })?;
                Ok(Arc::new(Bus::new(bus)))
            }
        }
    }
}
