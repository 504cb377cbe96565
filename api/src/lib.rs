//! api
/// tmp
pub async fn serve(
    _: tokio::net::TcpListener,
    _: control::Control,
    _: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    Ok(())
}
