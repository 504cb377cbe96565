//! Builtins whose cost a policy chooses by a number, with a bound on that number.
//!
//! The engine's own `numbers.range` and `numbers.range_step` reserve the memory for all elements before any limit is
//! looked at, so one call could end the process.

use anyhow::{Result, bail};
use regorus::Value;

/// Most elements that a range may have.
const RANGE_ELEMENTS_MAX: u64 = 1_000_000;

/// Puts the bounded builtins in place of the engine's own.
pub(super) fn replace(engine: &mut regorus::Engine) -> Result<()> {
    engine.add_extension(
        "numbers.range".to_owned(),
        2,
        Box::new(|arguments: Vec<Value>| match arguments.as_slice() {
            [first, last] => range("numbers.range", integer(first)?, integer(last)?, 1),
            _ => bail!("`numbers.range` takes two integers"),
        }),
    )?;
    engine.add_extension(
        "numbers.range_step".to_owned(),
        3,
        Box::new(|arguments: Vec<Value>| match arguments.as_slice() {
            [first, last, step] => {
                range("numbers.range_step", integer(first)?, integer(last)?, integer(step)?)
            }
            _ => bail!("`numbers.range_step` takes three integers"),
        }),
    )
}

fn integer(value: &Value) -> Result<i64> {
    match value.as_i64() {
        Ok(number) => Ok(number),
        Err(_) => bail!("an end or the step of a range is not an integer of 64 bits"),
    }
}

/// From `first` to `last`, both included, up or down.
fn range(name: &str, first: i64, last: i64, step: i64) -> Result<Value> {
    let Some(step) = u64::try_from(step).ok().filter(|step| *step > 0) else {
        bail!("the step of `{name}` must be a positive integer");
    };
    let elements = (first.abs_diff(last) / step).saturating_add(1);
    if elements > RANGE_ELEMENTS_MAX {
        bail!("`{name}` has {elements} elements, more than the limit of {RANGE_ELEMENTS_MAX}");
    }
    // No element lies beyond `last`, so adding never leaves the range of the type.
    let values = (0..elements).filter_map(|index| {
        let away = index.checked_mul(step)?;
        if first <= last {
            first.checked_add_unsigned(away)
        } else {
            first.checked_sub_unsigned(away)
        }
    });
    Ok(Value::from(values.map(Value::from).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_both_ends_and_go_either_way() {
        for (first, last, step, expected) in [
            (1, 3, 1, "[1,2,3]"),
            (3, 1, 1, "[3,2,1]"),
            (2, 2, 1, "[2]"),
            (1, 6, 2, "[1,3,5]"),
            (6, 1, 2, "[6,4,2]"),
            (i64::MAX - 1, i64::MAX, 5, "[9223372036854775806]"),
        ] {
            let made = range("numbers.range", first, last, step).unwrap().to_json_str().unwrap();
            assert_eq!(made.replace([' ', '\n'], ""), expected);
        }
        for (first, last, step) in
            [(i64::MIN, i64::MAX, 1), (0, 1_000_000, 1), (1, 2, 0), (1, 2, -1)]
        {
            assert!(range("numbers.range", first, last, step).is_err(), "{first} {last} {step}");
        }
    }
}
