//! Documents that people write: YAML 1.2 or JSON, strict, with the line and column of every value.

/// The name among `names` that `text` was probably meant to be.
pub fn nearest<'a>(text: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(text, name), name))
        .filter(|(distance, name)| *distance <= name.len().max(text.len()) / 3 + 1)
        .min()
        .map(|(_, name)| name)
}
