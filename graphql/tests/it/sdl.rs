//! The published schema is the schema.

use std::fs;
use std::path::Path;

#[test]
fn the_published_schema_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema.graphql");
    let sdl = graphql::sdl();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, &sdl).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == sdl,
        "schema.graphql is out of date: run the test with UPDATE_EXPECT=1 and read the difference"
    );
}

#[test]
fn everything_in_the_schema_is_described() {
    let sdl = graphql::sdl();
    let lines: Vec<&str> = sdl.lines().map(str::trim).collect();
    let generated = ["Connection", "Edge", "PageInfo"];
    let undescribed = lines.windows(2).filter_map(|pair| match pair {
        [before, line] if line.starts_with("type ") && !before.ends_with("\"\"\"") => {
            line.split(' ').nth(1)
        }
        _ => None,
    });
    let breaches: Vec<&str> =
        undescribed.filter(|name| !generated.iter().any(|end| name.ends_with(end))).collect();
    assert!(breaches.is_empty(), "say what these are for: {breaches:?}");
}
