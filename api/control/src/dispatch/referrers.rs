//! Attestations are pushed beside the images that they are about, so that whoever has an image finds them.

use engine::{Digest, Kind, Material};
use trust::{Bundle, Secret, Statement};

use super::attempt::Answer;
use super::evidence::{TAKEN, failed, nothing, secret, unstored};
use crate::blobs::{BlobsConfig, Credentials, Referrer, Registry, RegistryConfig};
use crate::store::OutboxEvent;
use crate::{Control, Error, events};

/// An image in the registry.
struct Image {
    repository: String,
    digest: Digest,
}

impl Control {
    /// Pushes the attestation beside those of the images that it is about which are in that registry, in that repository
    /// or below it.
    pub(super) async fn attach(
        &self,
        place: &str,
        event: &OutboxEvent,
        secrets: &[Secret],
    ) -> Answer {
        let attached = async {
            let place: BlobsConfig = place.parse().map_err(failed)?;
            let BlobsConfig::Registry { address, repository, plain_http } = place else {
                return Err(Answer::hopeless("the place is no registry"));
            };
            let credentials = match secrets {
                [] => None,
                _ => Some(user(secret(secrets)?)?),
            };
            let open = |repository: String| {
                let config = RegistryConfig {
                    credentials: credentials.clone(),
                    guard: Some(self.outbound.clone()),
                    ..RegistryConfig::new(address.clone(), repository, plain_http, 0)
                };
                async { Registry::open(config).await.map_err(|error| unstored(&error)) }
            };
            if events::name(&event.kind) == events::TEST {
                open(repository).await?.enter().await.map_err(|error| unstored(&error))?;
                return Ok(Answer { status: Some(TAKEN), ..Answer::default() });
            }
            let attested = self.attested(event).await?;
            let bundle = self.bundle_of(event, attested.digest).await?;
            let statement = statement(&bundle)?;
            let mut answer = nothing("no image in this repository");
            for image in images(&attested.materials, &statement, &address, &repository) {
                let referrer = Referrer {
                    image: image.digest,
                    bundle: bundle.clone(),
                    predicate_type: statement.predicate_type.clone(),
                    created_at: event.created_at,
                };
                self.attach_one(&open(image.repository).await?, &referrer).await?;
                answer = Answer { status: Some(TAKEN), ..Answer::default() };
            }
            Ok(answer)
        };
        attached.await.unwrap_or_else(|failed| failed)
    }

    async fn attach_one(&self, registry: &Registry, referrer: &Referrer) -> Result<(), Answer> {
        let left = registry.attach(referrer).await.map_err(|error| unstored(&error))?;
        let Some(entry) = left else { return Ok(()) };
        // The list is read, added to and written, and the protocol has no way to notice another who does the same.
        let turn = self.store.turn().await.map_err(|error| failed(Error::from(error)))?;
        let listed = registry.list_referrer(&entry).await.map_err(|error| unstored(&error));
        drop(turn);
        listed
    }
}

/// The images that the statement is about, and that are in the registry, in the repository or below it.
fn images(
    materials: &[Material],
    statement: &Statement,
    address: &str,
    repository: &str,
) -> Vec<Image> {
    let fact = |material: &Material, name: &str| {
        material.facts.get(name).and_then(|fact| fact.as_str()).map(ToOwned::to_owned)
    };
    let images = materials.iter().filter(|one| one.kind == Kind::ContainerImage);
    let images = images.filter(|one| statement.is_about(one.digest));
    let images = images.filter(|one| fact(one, "registry").is_some_and(|at| at == address));
    let image = |one: &Material| {
        let found = fact(one, "repository")?;
        let below = found.strip_prefix(repository)?;
        let within = below.is_empty() || below.starts_with('/');
        within.then_some(Image { repository: found, digest: one.digest })
    };
    images.filter_map(image).collect()
}

/// What the attestation says. It was verified when it was received.
fn statement(bundle: &[u8]) -> Result<Statement, Answer> {
    let bundle = Bundle::parse(bundle).map_err(failed)?;
    Statement::parse(&bundle.envelope().payload).map_err(failed)
}

fn user(text: &str) -> Result<(String, String), Answer> {
    match Credentials::parse(text).map_err(failed)? {
        Credentials::Password { username, password } => Ok((username, password)),
        _ => Err(Answer::hopeless("a registry is entered with a user name and a password")),
    }
}
