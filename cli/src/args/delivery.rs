//! `muster delivery`.

use clap::{Args, Subcommand, ValueEnum};
use engine::id::DeliveryId;

use super::{Form, NameArg};

/// `muster delivery`.
#[derive(Debug, Subcommand)]
#[command(after_help = "Example:\n  muster delivery list --state dead")]
pub enum DeliveryCommand {
    /// List deliveries, newest first.
    #[command(after_help = "Example:\n  muster delivery list --integration siem --state dead")]
    List(DeliveryListArgs),
    /// What became of a delivery.
    #[command(after_help = "Example:\n  muster delivery show 0199… -o json")]
    Show {
        /// The delivery.
        id: DeliveryId,
        /// The form of the answer.
        #[arg(long, short, value_enum, default_value_t)]
        output: Form,
    },
    /// Deliver again, and now, whatever became of it.
    #[command(after_help = "Example:\n  muster delivery redeliver 0199…")]
    Redeliver {
        /// The delivery.
        id: DeliveryId,
    },
}

/// `muster delivery list`.
#[derive(Debug, Args)]
pub struct DeliveryListArgs {
    /// To this integration.
    #[arg(long, value_name = "NAME")]
    pub integration: Option<NameArg>,
    /// In this state.
    #[arg(long, value_enum)]
    pub state: Option<DeliveryArg>,
    /// Older than this delivery, to go on with a list.
    #[arg(long, value_name = "DELIVERY")]
    pub after: Option<DeliveryId>,
    /// Most deliveries.
    #[arg(long, default_value_t = 50)]
    pub limit: usize,
    /// The form of the answer.
    #[arg(long, short, value_enum, default_value_t)]
    pub output: Form,
}

/// What became of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DeliveryArg {
    /// It will be tried, again if need be.
    Pending,
    /// The receiver has it.
    Delivered,
    /// It was given up.
    Dead,
}
