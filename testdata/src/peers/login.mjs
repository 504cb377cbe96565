// An OpenID provider with one public client, `muster`. Whoever logs in is who they say: the login is the mail address.
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';

const [port, modules] = process.argv.slice(2);
const entry = createRequire(modules + '/').resolve('oidc-provider');
const { Provider } = await import(pathToFileURL(entry));

const claims = (email) => ({
  sub: 'account of ' + email,
  email,
  email_verified: !email.startsWith('unverified'),
  groups: email.startsWith('security') ? ['security', 'everyone'] : ['everyone'],
});
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: 'muster',
    application_type: 'native',
    token_endpoint_auth_method: 'none',
    redirect_uris: ['http://127.0.0.1/callback'],
    response_types: ['code'],
    grant_types: ['authorization_code', 'urn:ietf:params:oauth:grant-type:device_code'],
  }],
  claims: { openid: ['sub'], email: ['email', 'email_verified'], groups: ['groups'], profile: [] },
  // As most providers do: what is asked for is in the identity token.
  conformIdTokenClaims: false,
  cookies: { keys: ['the key of this process'] },
  features: { deviceFlow: { enabled: true }, devInteractions: { enabled: true } },
  findAccount: (_context, email) => ({ accountId: email, claims: () => claims(email) }),
  pkce: { required: () => true },
});
provider.listen(Number(port), '127.0.0.1', () => console.log('people log in'));
