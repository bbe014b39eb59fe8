//! The prices that ship with Tekton: models that its clients name, and that a price book of today may no longer have.

use std::collections::BTreeMap;

use tollgate_client::Client;
use tollgate_wire::api::PriceSetRequest;

use crate::app::Tekton;
use crate::fault::Handled;
use crate::names::named;

/// Provider, model, and US dollars for a token of input and of output.
const SHIPPED: [(&str, &str, &str, &str); 11] = [
    ("anthropic", "claude-3-opus-20240229", "0.000015", "0.000075"),
    ("anthropic", "claude-3-sonnet-20240229", "0.000003", "0.000015"),
    ("anthropic", "claude-3-haiku-20240307", "0.00000025", "0.00000125"),
    // Tekton has 0.000013 for the output of these two; this is the price of the list.
    ("anthropic", "claude-3-5-sonnet-20240620", "0.000003", "0.000015"),
    ("anthropic", "claude-3-7-sonnet-20250219", "0.000003", "0.000015"),
    ("openai", "gpt-4", "0.00003", "0.00006"),
    ("openai", "gpt-4-turbo", "0.00001", "0.00003"),
    ("openai", "gpt-4o", "0.00001", "0.00003"),
    ("openai", "gpt-3.5-turbo", "0.0000005", "0.0000015"),
    ("ollama", "llama3", "0", "0"),
    ("simulated", "simulated-standard", "0", "0"),
];

impl Tekton {
    /// Puts the prices in force that ship with Tekton, of models that have none. Each is set once in the life of the
    /// ledger. That is what whoever opens the port does, with a client of their own.
    ///
    /// # Errors
    ///
    /// What the ledger says, as text.
    pub async fn ship_prices(&self, own: &Client) -> Result<usize, String> {
        self.asking(own.of_tenant(Some(self.tenant.clone()))).shipped().await.map_err(|fault| fault.text)
    }

    async fn shipped(&self) -> Handled<usize> {
        let mut set = 0;
        for (provider, model, input, output) in SHIPPED {
            match self.quote(provider, model, 1, 1).await {
                Ok(_) => continue,
                Err(fault) if fault.status.as_u16() == 404 => {}
                Err(fault) => return Err(fault),
            }
            let rates = [("input_uncached", input), ("output", output)];
            let request = PriceSetRequest {
                id: Some(named(&["shipped", provider, model])),
                entry: format!("{provider}/{model}"),
                provider: Some(provider.to_owned()),
                usd_per_token: BTreeMap::from(rates.map(|(kind, usd)| (kind.to_owned(), usd.to_owned()))),
                by: "tekton".to_owned(),
                reason: Some("ships with Tekton's Budget, and the price book has none".to_owned()),
                ..PriceSetRequest::default()
            };
            self.ledger.set_price(&request).await?;
            set += 1;
        }
        Ok(set)
    }
}
