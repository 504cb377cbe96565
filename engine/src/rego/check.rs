//! What is refused before a policy runs: recursion, builtins outside the sandbox, forms that fail open.
//!
//! The engine behind us aborts the process on recursion and answers nothing, silently, for one way to call `walk`;
//! so both are refused here, with the line.

use std::collections::{BTreeMap, BTreeSet};

use regorus::unstable::{Expr, Literal, Module, Query, Ref, Rule, RuleHead, Span};

use super::{ROLES, Report};
use crate::document::{Diagnostic, Position};

/// What one look at the modules found.
pub(super) struct Checked {
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) reports: Vec<Report>,
    pub(super) packages: Vec<String>,
}

/// Builtins that reach outside the evaluation, or differ from one evaluation to the next.
const REFUSED: [&str; 10] = [
    "http.send",
    "io.jwt.encode_sign",
    "io.jwt.encode_sign_raw",
    "net.lookup_ip_addr",
    "opa.runtime",
    "rand.intn",
    "rego.parse_module",
    "time.sleep",
    "trace",
    "uuid.rfc4122",
];

/// The builtins that policies may call: this engine's, less those that are refused.
const BUILTINS: &str = include_str!("builtins.txt");

pub(super) fn check(modules: &[Ref<Module>]) -> Checked {
    let mut checked =
        Checked { diagnostics: Vec::new(), reports: Vec::new(), packages: Vec::new() };
    let mut graph = CallGraph::default();
    let local = declared(modules);
    for module in modules {
        let package = path(&module.package.refr).unwrap_or_default();
        if !checked.packages.contains(&package) {
            checked.packages.push(package.clone());
        }
        find_reports(module, &package, &mut checked);
        for rule in &module.policy {
            let name = format!("data.{package}.{}", rule_name(rule));
            let mut visitor = Visitor {
                module,
                package: &package,
                local: &local,
                rule: &name,
                graph: &mut graph,
                diagnostics: &mut checked.diagnostics,
            };
            visitor.rule(rule);
        }
    }
    checked.diagnostics.extend(graph.cycles());
    checked.diagnostics.sort_by_key(|diagnostic| diagnostic.position);
    checked.reports.sort_by(|a, b| a.rule.cmp(&b.rule));
    checked
}

/// The reporting rules of a module. Helpers in test modules do not report.
fn find_reports(module: &Module, package: &str, checked: &mut Checked) {
    for rule in &module.policy {
        let name = rule_name(rule);
        if let Some((_, role)) = ROLES.iter().find(|(reporting, _)| *reporting == name) {
            let report = Report { rule: format!("data.{package}.{name}"), role: *role };
            if !checked.reports.contains(&report) {
                checked.reports.push(report);
            }
        }
    }
}

/// The full names of all rules and functions.
fn declared(modules: &[Ref<Module>]) -> BTreeSet<String> {
    modules
        .iter()
        .flat_map(|module| {
            let package = path(&module.package.refr).unwrap_or_default();
            module.policy.iter().map(move |rule| format!("data.{package}.{}", rule_name(rule)))
        })
        .collect()
}

fn rule_name(rule: &Rule) -> String {
    let refr = match rule {
        Rule::Spec {
            head:
                RuleHead::Compr { refr, .. } | RuleHead::Set { refr, .. } | RuleHead::Func { refr, .. },
            ..
        }
        | Rule::Default { refr, .. } => refr,
    };
    // `violations[x]` and `p.q[x]` are named by their constant beginning.
    path(refr).unwrap_or_else(|| root_path(refr))
}

/// A constant reference such as `a.b["c"]`, dotted.
fn path(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Var { span, .. } => Some(span.text().to_owned()),
        Expr::RefDot { refr, field, .. } => Some(format!("{}.{}", path(refr)?, field.0.text())),
        Expr::RefBrack { refr, index, .. } => match index.as_ref() {
            Expr::String { span, .. } => {
                Some(format!("{}.{}", path(refr)?, span.text().trim_matches('"')))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The constant beginning of a reference.
fn root_path(expr: &Expr) -> String {
    match expr {
        Expr::RefBrack { refr, .. } | Expr::RefDot { refr, .. } => {
            path(refr).unwrap_or_else(|| root_path(refr))
        }
        _ => path(expr).unwrap_or_default(),
    }
}

fn diagnostic(span: &Span, message: &str) -> Diagnostic {
    let position = Position {
        line: usize::try_from(span.line).unwrap_or(0),
        column: usize::try_from(span.col).unwrap_or(0),
    };
    let file = span.source.get_path();
    Diagnostic {
        position: Some(position),
        pointer: String::new(),
        message: format!("{file}: {message}"),
        hint: None,
    }
}

/// Who refers to whom, to find recursion.
#[derive(Default)]
struct CallGraph {
    uses: BTreeMap<String, BTreeSet<String>>,
    places: BTreeMap<String, Diagnostic>,
}

impl CallGraph {
    fn add(&mut self, caller: &str, used: String) {
        self.uses.entry(caller.to_owned()).or_default().insert(used);
    }

    /// Every rule that reaches itself.
    fn cycles(&self) -> Vec<Diagnostic> {
        self.uses
            .keys()
            .filter(|start| self.reaches_itself(start))
            .filter_map(|start| self.places.get(start).cloned())
            .collect()
    }

    fn reaches_itself(&self, start: &str) -> bool {
        let mut seen = BTreeSet::new();
        let mut pending: Vec<&String> = self.uses.get(start).into_iter().flatten().collect();
        while let Some(rule) = pending.pop() {
            if rule == start {
                return true;
            }
            if seen.insert(rule) {
                pending.extend(self.uses.get(rule).into_iter().flatten());
            }
        }
        false
    }
}

struct Visitor<'a> {
    module: &'a Module,
    package: &'a str,
    local: &'a BTreeSet<String>,
    rule: &'a str,
    graph: &'a mut CallGraph,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Visitor<'_> {
    fn rule(&mut self, rule: &Rule) {
        let recursive =
            diagnostic(rule.span(), &format!("the rule `{}` refers to itself", self.rule));
        let hint = "recursion is not part of Rego: use `walk` or `graph.reachable`";
        self.graph.places.entry(self.rule.to_owned()).or_insert_with(|| recursive.with_hint(hint));
        match rule {
            Rule::Default { value, .. } => self.expr(value),
            Rule::Spec { head, bodies, .. } => {
                match head {
                    RuleHead::Compr { refr, assign, .. } | RuleHead::Func { refr, assign, .. } => {
                        self.head_index(refr);
                        if let Some(assign) = assign {
                            self.expr(&assign.value);
                        }
                    }
                    RuleHead::Set { key, .. } => {
                        if let Some(key) = key {
                            self.expr(key);
                        }
                    }
                }
                for body in bodies {
                    if let Some(assign) = &body.assign {
                        self.expr(&assign.value);
                    }
                    self.query(&body.query);
                }
            }
        }
    }

    /// The index of `p[x] := …` is an expression; its beginning names the rule itself.
    fn head_index(&mut self, refr: &Expr) {
        if let Expr::RefBrack { index, .. } = refr {
            self.expr(index);
        }
    }

    fn query(&mut self, query: &Query) {
        for statement in &query.stmts {
            match &statement.literal {
                Literal::SomeVars { .. } => {}
                Literal::SomeIn { key, value, collection, .. } => {
                    if let Some(key) = key {
                        self.expr(key);
                    }
                    self.expr(value);
                    self.expr(collection);
                }
                Literal::Expr { expr, .. } | Literal::NotExpr { expr, .. } => self.expr(expr),
                Literal::Every { domain, query, .. } => {
                    self.expr(domain);
                    self.query(query);
                }
            }
            for with in &statement.with_mods {
                self.expr(&with.r#as);
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Var { .. } | Expr::RefDot { .. } | Expr::RefBrack { .. } => self.reference(expr),
            Expr::Call { span, fcn, params, .. } => {
                self.call(span, fcn, params);
                for param in params {
                    self.expr(param);
                }
            }
            Expr::Array { items, .. } | Expr::Set { items, .. } => {
                for item in items {
                    self.expr(item);
                }
            }
            Expr::Object { fields, .. } => {
                for (_, key, value) in fields {
                    self.expr(key);
                    self.expr(value);
                }
            }
            Expr::ArrayCompr { term, query, .. } | Expr::SetCompr { term, query, .. } => {
                self.expr(term);
                self.query(query);
            }
            Expr::ObjectCompr { key, value, query, .. } => {
                self.expr(key);
                self.expr(value);
                self.query(query);
            }
            Expr::UnaryExpr { expr, .. } => self.expr(expr),
            Expr::BinExpr { lhs, rhs, .. }
            | Expr::BoolExpr { lhs, rhs, .. }
            | Expr::ArithExpr { lhs, rhs, .. }
            | Expr::AssignExpr { lhs, rhs, .. } => {
                self.expr(lhs);
                self.expr(rhs);
            }
            Expr::Membership { key, value, collection, .. } => {
                if let Some(key) = key {
                    self.expr(key);
                }
                self.expr(value);
                self.expr(collection);
            }
            Expr::String { .. }
            | Expr::RawString { .. }
            | Expr::Number { .. }
            | Expr::Bool { .. }
            | Expr::Null { .. } => {}
        }
    }

    /// A use of a rule, here or in another package.
    fn reference(&mut self, expr: &Expr) {
        if let Some(used) = self.resolve(&path(expr).unwrap_or_else(|| root_path(expr))) {
            self.graph.add(self.rule, used);
        }
        let mut expr = expr;
        loop {
            expr = match expr {
                Expr::RefBrack { refr, index, .. } => {
                    self.expr(index);
                    refr
                }
                Expr::RefDot { refr, .. } => refr,
                Expr::Call { .. } => return self.expr(expr),
                _ => return,
            };
        }
    }

    /// The declared rule that a name means in this module, if any.
    fn resolve(&self, name: &str) -> Option<String> {
        let full = self.expand(name);
        std::iter::successors(Some(full.as_str()), |name| {
            name.rsplit_once('.').map(|(parent, _)| parent)
        })
        .find(|name| self.local.contains(*name))
        .map(ToOwned::to_owned)
    }

    fn expand(&self, name: &str) -> String {
        let (first, rest) =
            name.split_once('.').map_or((name, None), |(first, rest)| (first, Some(rest)));
        if first == "data" {
            return name.to_owned();
        }
        for import in &self.module.imports {
            let Some(target) = path(&import.refr) else { continue };
            let last = target.rsplit('.').next().unwrap_or(&target);
            let alias = import.r#as.as_ref().map_or(last, |alias| alias.text());
            if alias == first && target.starts_with("data.") {
                return rest.map_or_else(|| target.clone(), |rest| format!("{target}.{rest}"));
            }
        }
        format!("data.{}.{name}", self.package)
    }

    fn call(&mut self, span: &Span, fcn: &Expr, params: &[Ref<Expr>]) {
        let Some(name) = path(fcn) else { return };
        if let Some(used) = self.resolve(&name) {
            self.graph.add(self.rule, used);
            return;
        }
        let wrong = if REFUSED.contains(&name.as_str()) {
            Some(diagnostic(
                span,
                &format!(
                    "the builtin `{name}` is refused: evaluations have no network, clock, environment or randomness"
                ),
            ))
        } else if name == "walk" && params.len() == 1 {
            Some(
                diagnostic(span, "`[path, value] := walk(x)` yields nothing on this engine")
                    .with_hint("write `walk(x, [path, value])`"),
            )
        } else if !BUILTINS.lines().any(|builtin| builtin == name) {
            let unknown = diagnostic(
                span,
                &format!("`{name}` is neither a function of this policy nor a known builtin"),
            );
            Some(match crate::document::nearest(&name, BUILTINS.lines()) {
                Some(meant) => unknown.with_hint(format!("did you mean `{meant}`?")),
                None => unknown,
            })
        } else {
            None
        };
        self.diagnostics.extend(wrong);
    }
}
