//! The tables of the first migration, as data. Frozen once released: a change is a new migration.
//!
//! Every column that refers to another table, and every `org`, leads an index or follows `org` in one; a test
//! holds this on both databases, because a missing one turns a lookup into a scan of the whole table.
//! `edge` declares no references: they are written with their nodes and attestation in one transaction, and four
//! checks per edge would be most of the cost of a receipt.

/// How a column is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Uuid,
    Bytes,
    Text,
    /// 64 bits.
    Int,
    /// 16 bits.
    Small,
    Bool,
    /// 64 bits, numbered by the database.
    Serial,
}

/// One column.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    pub(super) null: bool,
    /// The table whose `id` this is.
    pub(super) refers_to: Option<&'static str>,
}

impl Column {
    const fn new(name: &'static str, kind: Type) -> Self {
        Self { name, kind, null: false, refers_to: None }
    }

    const fn null(self) -> Self {
        Self { null: true, ..self }
    }
}

const fn uuid(name: &'static str) -> Column {
    Column::new(name, Type::Uuid)
}

const fn bytes(name: &'static str) -> Column {
    Column::new(name, Type::Bytes)
}

const fn text(name: &'static str) -> Column {
    Column::new(name, Type::Text)
}

const fn int(name: &'static str) -> Column {
    Column::new(name, Type::Int)
}

const fn to(name: &'static str, table: &'static str) -> Column {
    Column { refers_to: Some(table), ..uuid(name) }
}

const ID: Column = uuid("id");
const ORG: Column = to("org", "organization");
const CREATED_AT: Column = int("created_at");

/// One table. The first entry of `unique` or `index` is the column that leads it.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [Column],
    pub(super) key: &'static [&'static str],
    pub(super) unique: &'static [&'static [&'static str]],
    pub(super) index: &'static [&'static [&'static str]],
}

/// Every table, in an order in which each refers to earlier ones only.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "counter",
        columns: &[text("name"), int("value")],
        key: &["name"],
        unique: &[],
        index: &[],
    },
    Table {
        name: "organization",
        columns: &[ID, text("name"), CREATED_AT],
        key: &["id"],
        unique: &[&["name"]],
        index: &[],
    },
    Table {
        name: "project",
        columns: &[ID, ORG, text("name"), CREATED_AT],
        key: &["id"],
        unique: &[&["org", "name"]],
        index: &[],
    },
    Table {
        name: "contract",
        columns: &[ID, ORG, text("name"), CREATED_AT],
        key: &["id"],
        unique: &[&["org", "name"]],
        index: &[],
    },
    Table {
        name: "contract_revision",
        columns: &[
            ID,
            to("contract", "contract"),
            ORG,
            int("revision"),
            bytes("digest"),
            text("source"),
            text("sources"),
            CREATED_AT,
            int("seq"),
        ],
        key: &["id"],
        unique: &[&["contract", "revision"]],
        index: &[&["org", "digest"]],
    },
    Table {
        name: "workflow",
        columns: &[
            ID,
            ORG,
            to("project", "project"),
            text("name"),
            to("contract", "contract"),
            CREATED_AT,
        ],
        key: &["id"],
        unique: &[&["project", "name"]],
        index: &[&["org", "name"], &["contract"]],
    },
    Table {
        name: "signing_key",
        columns: &[
            ID,
            ORG,
            text("name"),
            bytes("key_digest"),
            text("public_key"),
            CREATED_AT,
            int("revoked_at").null(),
        ],
        key: &["id"],
        unique: &[&["org", "name"], &["org", "key_digest"]],
        index: &[],
    },
    Table {
        name: "api_token",
        columns: &[
            ID,
            ORG.null(),
            text("name"),
            bytes("secret_hash"),
            text("scopes"),
            CREATED_AT,
            int("expires_at").null(),
            int("revoked_at").null(),
            int("last_used_at").null(),
        ],
        key: &["id"],
        unique: &[&["secret_hash"]],
        index: &[&["org", "id"]],
    },
    Table {
        name: "run",
        columns: &[
            ID,
            ORG,
            to("project", "project"),
            to("workflow", "workflow"),
            to("contract_revision", "contract_revision"),
            text("state"),
            CREATED_AT,
            to("created_by", "api_token"),
            int("closed_at").null(),
            text("reason").null(),
        ],
        key: &["id"],
        unique: &[],
        index: &[
            &["org", "id"],
            &["project", "id"],
            &["workflow", "id"],
            &["contract_revision"],
            &["created_by"],
        ],
    },
    Table {
        name: "org_blob",
        columns: &[ORG, bytes("digest"), int("size"), CREATED_AT],
        key: &["org", "digest"],
        unique: &[],
        index: &[],
    },
    Table {
        name: "attestation",
        columns: &[
            ID,
            ORG,
            to("project", "project"),
            to("workflow", "workflow"),
            to("run", "run"),
            bytes("digest"),
            bytes("payload_digest"),
            int("seq"),
            int("size"),
            CREATED_AT,
            bytes("key_digest"),
            text("claimed_verdict").null(),
            text("verdict"),
            bytes("verdict_digest"),
        ],
        key: &["id"],
        unique: &[&["run"], &["org", "digest"]],
        index: &[&["org", "seq"], &["project", "seq"], &["workflow", "seq"]],
    },
    Table {
        name: "attestation_subject",
        columns: &[
            to("attestation", "attestation"),
            int("position"),
            ORG,
            text("name"),
            text("algorithm"),
            text("value"),
            bytes("digest").null(),
        ],
        key: &["attestation", "position"],
        unique: &[],
        index: &[&["org", "digest"]],
    },
    Table {
        name: "material",
        columns: &[
            to("attestation", "attestation"),
            int("position"),
            ORG,
            text("name"),
            text("kind"),
            bytes("digest"),
            int("size"),
            Column::new("reference_only", Type::Bool),
            text("source"),
            text("facts"),
        ],
        key: &["attestation", "position"],
        unique: &[],
        index: &[&["org", "digest"]],
    },
    Table {
        name: "evaluation",
        columns: &[
            to("attestation", "attestation"),
            int("position"),
            ORG,
            text("policy"),
            bytes("policy_digest").null(),
            text("subject"),
            text("outcome"),
            text("record"),
        ],
        key: &["attestation", "position"],
        unique: &[],
        index: &[&["org", "policy"]],
    },
    Table {
        name: "verdict",
        columns: &[
            ID,
            ORG,
            to("attestation", "attestation"),
            int("seq"),
            int("from_seq"),
            bytes("digest"),
            text("verdict"),
            bytes("record"),
            CREATED_AT,
        ],
        key: &["id"],
        unique: &[&["attestation", "from_seq"]],
        index: &[&["org", "seq"]],
    },
    Table {
        name: "gate",
        columns: &[ID, ORG, text("name"), CREATED_AT],
        key: &["id"],
        unique: &[&["org", "name"]],
        index: &[],
    },
    Table {
        name: "gate_revision",
        columns: &[
            ID,
            to("gate", "gate"),
            ORG,
            int("revision"),
            bytes("digest"),
            text("source"),
            text("sources"),
            CREATED_AT,
            int("seq"),
        ],
        key: &["id"],
        unique: &[&["gate", "revision"]],
        index: &[&["org", "digest"]],
    },
    Table {
        name: "node",
        columns: &[Column::new("id", Type::Serial), text("kind"), bytes("key")],
        key: &["id"],
        unique: &[&["kind", "key"]],
        index: &[],
    },
    Table {
        name: "edge",
        columns: &[
            uuid("org"),
            int("dst"),
            int("seq"),
            int("src"),
            Column::new("kind", Type::Small),
            uuid("attestation"),
        ],
        key: &["org", "dst", "seq", "src", "kind", "attestation"],
        unique: &[],
        index: &[&["org", "src", "seq", "dst", "kind", "attestation"]],
    },
    Table {
        name: "log_leaf",
        columns: &[int("seq"), text("kind"), bytes("digest"), CREATED_AT],
        key: &["seq"],
        unique: &[],
        index: &[&["digest"]],
    },
    Table {
        name: "audit_event",
        columns: &[
            ID,
            ORG.null(),
            int("seq"),
            text("actor"),
            text("action"),
            text("target"),
            text("detail"),
            CREATED_AT,
        ],
        key: &["id"],
        unique: &[],
        index: &[&["org", "seq"]],
    },
    Table {
        name: "outbox_event",
        columns: &[
            ID,
            ORG,
            int("seq"),
            text("kind"),
            text("payload"),
            CREATED_AT,
            int("delivered_at").null(),
        ],
        key: &["id"],
        unique: &[],
        index: &[&["org", "seq"], &["delivered_at", "seq"]],
    },
];
