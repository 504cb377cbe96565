//! The two statements of a walk. Node numbers are handed over as one parameter, so there is no limit on how many.

use engine::id::OrganizationId;
use sea_orm::{ConnectionTrait, DbBackend, QueryResult, Statement, Value};
use uuid::Uuid;

use super::Walk;
use crate::store::row::{Row, int};
use crate::store::session::Session;
use crate::store::{EdgeKind, NodeKey, StoreError};

/// One step of the walk: the nodes to leave, per direction, and how many edges there is room for.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) up: Vec<i64>,
    pub(super) down: Vec<i64>,
    pub(super) edges_max: usize,
}

/// An edge by node numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EdgeRow {
    pub(super) src: i64,
    pub(super) dst: i64,
    pub(super) kind: EdgeKind,
    pub(super) seq: u64,
    pub(super) attestation: Uuid,
}

/// The edges that enter the nodes of `up` and those that leave the nodes of `down`: each by the node left, and at
/// most one more than there is room for.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) up: Vec<EdgeRow>,
    pub(super) down: Vec<EdgeRow>,
}

/// A node by its number, and whether it has edges that enter it (`up`) or leave it (`down`).
#[derive(Debug)]
pub(super) struct NodeRow {
    pub(super) id: i64,
    pub(super) key: NodeKey,
    pub(super) up: bool,
    pub(super) down: bool,
}

pub(super) async fn edges(
    db: &Session<'_>,
    walk: &Walk,
    question: &Question,
) -> Result<Found, StoreError> {
    let backend = db.get_database_backend();
    let limit = question.edges_max.saturating_add(1);
    let half = |way: &str, near: &str, far: &str, parameter: u8| {
        let among = among(backend, near, parameter);
        format!(
            "SELECT * FROM (SELECT '{way}' AS way, src, dst, kind, seq, attestation FROM edge \
             WHERE org = $1 AND seq <= $2 AND {among} ORDER BY {near}, seq, {far}, kind LIMIT {limit}) AS {way}_edge"
        )
    };
    let (up, down) = (half("up", "dst", "src", 3), half("down", "src", "dst", 4));
    let mut values = vec![walk.org.0.into(), int(walk.as_of).into()];
    let sql = match (question.up.is_empty(), question.down.is_empty()) {
        (_, true) => up,
        (true, false) => half("down", "src", "dst", 3),
        (false, false) => format!("{up} UNION ALL {down}"),
    };
    let used = [&question.up, &question.down];
    values.extend(used.into_iter().filter(|ids| !ids.is_empty()).map(|ids| list(backend, ids)));
    if values.len() == 2 {
        return Ok(Found::default());
    }
    let rows = db.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    sorted(&rows)
}

fn sorted(rows: &[QueryResult]) -> Result<Found, StoreError> {
    let mut found = Found::default();
    for row in rows {
        let way: String = row.try_get("", "way")?;
        let edge = edge(row)?;
        if way == "up" { found.up.push(edge) } else { found.down.push(edge) }
    }
    // The order of a union is not promised.
    found.up.sort_by_key(|edge| (edge.dst, edge.seq, edge.src, edge.kind));
    found.down.sort_by_key(|edge| (edge.src, edge.seq, edge.dst, edge.kind));
    Ok(found)
}

fn edge(row: &QueryResult) -> Result<EdgeRow, StoreError> {
    let (src, dst): (i64, i64) = (row.try_get("", "src")?, row.try_get("", "dst")?);
    let at = Row::new("edge", format!("{src} to {dst}"));
    Ok(EdgeRow {
        src,
        dst,
        kind: EdgeKind::read(row.try_get("", "kind")?)?,
        seq: at.count(row.try_get("", "seq")?)?,
        attestation: row.try_get("", "attestation")?,
    })
}

/// The keys of nodes; with a walk, also whether it has edges left to follow from them.
pub(super) async fn nodes(
    db: &Session<'_>,
    ids: &[i64],
    unfinished: Option<&Walk>,
) -> Result<Vec<NodeRow>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let backend = db.get_database_backend();
    let has = |near: &str| {
        format!(
            "CASE WHEN EXISTS (SELECT 1 FROM edge WHERE org = $2 AND {near} = node.id AND seq <= $3) THEN 1 ELSE 0 END"
        )
    };
    let edges = |near| unfinished.map_or_else(|| "0".to_owned(), |_| has(near));
    let (up, down) = (edges("dst"), edges("src"));
    let among = among(backend, "id", 1);
    let sql = format!("SELECT id, kind, key, {up} AS up, {down} AS down FROM node WHERE {among}");
    let mut values = vec![list(backend, ids)];
    if let Some(walk) = unfinished {
        let OrganizationId(org) = walk.org;
        values.extend([Value::from(org), int(walk.as_of).into()]);
    }
    let rows = db.query_all_raw(Statement::from_sql_and_values(backend, sql, values)).await?;
    rows.iter().map(node).collect()
}

fn node(row: &QueryResult) -> Result<NodeRow, StoreError> {
    let (id, kind): (i64, String) = (row.try_get("", "id")?, row.try_get("", "kind")?);
    let (up, down): (i32, i32) = (row.try_get("", "up")?, row.try_get("", "down")?);
    Ok(NodeRow {
        id,
        key: NodeKey::read(id, &kind, row.try_get("", "key")?)?,
        up: up != 0,
        down: down != 0,
    })
}

fn among(backend: DbBackend, column: &str, parameter: u8) -> String {
    match backend {
        DbBackend::Postgres => format!("{column} = ANY(${parameter})"),
        _ => format!("{column} IN (SELECT value FROM json_each(${parameter}))"),
    }
}

fn list(backend: DbBackend, ids: &[i64]) -> Value {
    if backend == DbBackend::Postgres {
        return ids.to_vec().into();
    }
    let texts: Vec<String> = ids.iter().map(i64::to_string).collect();
    format!("[{}]", texts.join(",")).into()
}
