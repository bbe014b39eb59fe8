//! What an entry says about the prices of units other than tokens.

use serde_json::value::RawValue;

use super::{Entry, FieldProblem, in_order, is_nothing, problem};
use crate::money::Usd;
use crate::price::entries::Fields;
use crate::price::fields::{self, Field};
use crate::price::notes::{PriceProblem, Stays};
use crate::price::unit_fields::When;
use crate::price::unit_rates::{UnitRates, too_dear};
use crate::units::Unit;

impl Entry<'_> {
    /// The prices of other units. One that cannot be used leaves its unit without a price. A price of nothing is none,
    /// unless a person has confirmed it: lists write it where there is no price, too.
    pub(super) fn units(&mut self, fields: &Fields<'_>, confirmed: bool) -> UnitRates {
        let (mut rates, mut conditional) = (UnitRates::new(), Vec::new());
        for (name, raw, field) in in_order(fields) {
            let Field::Unit(field) = field else { continue };
            match field.when {
                When::InTier => {}
                When::Sometimes if is_nothing(raw) => {}
                When::Sometimes => conditional.push(field.unit),
                When::Always => {
                    let read = self.price(name, raw).and_then(|usd| match usd {
                        Some(usd) if usd > too_dear(field.unit) && !confirmed => {
                            let rule = format!(
                                "is more than {} USD for one; a price book takes it as it is with `\"price_confirmed\": true` in the entry",
                                too_dear(field.unit)
                            );
                            Err(problem(name, raw.get(), rule))
                        }
                        usd => Ok(usd.filter(|usd| *usd > Usd::ZERO || confirmed)),
                    });
                    match read {
                        Ok(None) => {}
                        Ok(rate) => drop(rates.insert(field.unit, rate)),
                        Err(FieldProblem { field: name, value, rule }) => {
                            rates.insert(field.unit, None);
                            let (model, stays) = (self.model.to_owned(), Stays::Unit(field.unit));
                            self.notes.left_out.push(PriceProblem { model, field: name, value, rule, stays });
                        }
                    }
                }
            }
        }
        conditional.extend(by_size(fields));
        rates.extend(conditional.into_iter().map(|unit| (unit, None)));
        rates
    }
}

/// Units whose price depends on the size of the request's input: such a list is only about tokens here.
fn by_size(fields: &Fields<'_>) -> Vec<Unit> {
    let list = fields.get("tiered_pricing").map_or("null", |list| list.get());
    let tiers: Vec<Fields<'_>> = serde_json::from_str(list).unwrap_or_default();
    let of_unit = |(name, raw): (&String, &&RawValue)| match fields::read(name) {
        Field::Unit(field) if !is_nothing(raw) => Some(field.unit),
        Field::Unit(_) | Field::Rate(_) | Field::Other | Field::Unknown => None,
    };
    tiers.iter().flat_map(|tier| tier.iter().filter_map(of_unit)).collect()
}
