/** Options of TLS, of who may call, and of auth. */
import { boolean, hostNames, origins, text, texts, uint } from './kinds.js';
import { inFlagsOnly, none, option } from './option.js';

const client = (key: string) => `client-transport-security.${key}`;
const peer = (key: string) => `peer-transport-security.${key}`;

export const security = {
  certFile: option('cert-file', '', text, 'Certificate shown to clients.', client('cert-file')),
  keyFile: option('key-file', '', text, 'Key of that certificate.', client('key-file')),
  clientCertFile: option(
    'client-cert-file',
    '',
    text,
    'Certificate shown when this member is itself a client of a client port.',
    client('client-cert-file'),
  ),
  clientKeyFile: option('client-key-file', '', text, 'Key of that certificate.', client('client-key-file')),
  clientCertAuth: option(
    'client-cert-auth',
    false,
    boolean,
    'Demand certificates of clients.',
    client('client-cert-auth'),
  ),
  clientCrlFile: option('client-crl-file', '', text, 'Revoked client certificates.', inFlagsOnly),
  clientCertAllowedHostname: option(
    'client-cert-allowed-hostname',
    none,
    texts,
    'Host names of which a client certificate must hold one.',
    client('allowed-hostname'),
  ),
  trustedCaFile: option(
    'trusted-ca-file',
    '',
    text,
    'Authorities that client certificates are verified with.',
    client('trusted-ca-file'),
  ),
  autoTls: option(
    'auto-tls',
    false,
    boolean,
    'TLS for clients with a certificate made on the spot.',
    client('auto-tls'),
  ),
  peerCertFile: option('peer-cert-file', '', text, 'Certificate shown to peers.', peer('cert-file')),
  peerKeyFile: option('peer-key-file', '', text, 'Key of that certificate.', peer('key-file')),
  peerClientCertFile: option(
    'peer-client-cert-file',
    '',
    text,
    'Certificate shown when calling peers, if another.',
    peer('client-cert-file'),
  ),
  peerClientKeyFile: option('peer-client-key-file', '', text, 'Key of that certificate.', peer('client-key-file')),
  peerClientCertAuth: option(
    'peer-client-cert-auth',
    false,
    boolean,
    'Demand certificates of peers.',
    peer('client-cert-auth'),
  ),
  peerTrustedCaFile: option(
    'peer-trusted-ca-file',
    '',
    text,
    'Authorities that peer certificates are verified with.',
    peer('trusted-ca-file'),
  ),
  peerAutoTls: option(
    'peer-auto-tls',
    false,
    boolean,
    'TLS for peers with a certificate made on the spot.',
    peer('auto-tls'),
  ),
  peerCrlFile: option('peer-crl-file', '', text, 'Revoked peer certificates.', inFlagsOnly),
  peerCertAllowedCn: option(
    'peer-cert-allowed-cn',
    none,
    texts,
    'Common names of which a peer certificate must have one.',
    peer('allowed-cn'),
  ),
  peerCertAllowedHostname: option(
    'peer-cert-allowed-hostname',
    none,
    texts,
    'Host names of which a peer certificate must hold one.',
    peer('allowed-hostname'),
  ),
  peerSkipClientSanVerification: option(
    'peer-skip-client-san-verification',
    false,
    boolean,
    "Do not match a peer certificate with the peer's address.",
    peer('skip-client-san-verification'),
  ),
  selfSignedCertValidity: option(
    'self-signed-cert-validity',
    1,
    uint,
    'Years for which certificates made on the spot hold.',
  ),
  cipherSuites: option('cipher-suites', none, texts, 'TLS cipher suites to offer, by their Go names.'),
  tlsMinVersion: option('tls-min-version', 'TLS1.2', text, 'Lowest TLS version: TLS1.2 or TLS1.3.'),
  tlsMaxVersion: option(
    'tls-max-version',
    '',
    text,
    'Highest TLS version: TLS1.2 or TLS1.3; empty for the highest there is.',
  ),
  cors: option('cors', ['*'], origins, 'Origins that browsers may call from; * allows all.'),
  hostWhitelist: option(
    'host-whitelist',
    ['*'],
    hostNames,
    'Host names under which HTTP clients without TLS may call; * allows all.',
  ),
};

export const auth = {
  authToken: option('auth-token', 'simple', text, 'Kind of auth tokens and its settings: "simple", or "jwt,...".'),
  bcryptCost: option('bcrypt-cost', 10, uint, 'Cost of hashing a password: 4 to 31.'),
  authTokenTtlSeconds: option('auth-token-ttl', 300, uint, 'Seconds for which a simple token holds.'),
};
