const CODES =
  /^(ERR_TLS_CERT_|CERT_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|HOSTNAME_MISMATCH|INVALID_CA|INVALID_PURPOSE)/;

/** That a server's certificate is not accepted, in words for a person; undefined for every other error. Time does not mend it. */
export function certificateFailure(error: unknown, host: string): { message: string; hint: string } | undefined {
  if (!(error instanceof Error) || !('code' in error) || !CODES.test(String(error.code))) return undefined;
  return {
    message: `the certificate of ${host} is not accepted: ${error.message}`,
    hint: 'If it was signed by an authority of your own, NODE_EXTRA_CA_CERTS names a file with that one’s certificate.',
  };
}
