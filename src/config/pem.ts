/** Reads certificates and private keys from PEM files. Its errors name files and never quote what is in them. */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { ConfigError, plain } from './error.ts';
import { readIfThere } from './file.ts';

/** A PEM file that a setting names. */
export interface PemFile {
  readonly path: string;
  /** For messages: `--tls-cert`. */
  readonly where: string;
}

/** A certificate chain and its private key, as PEM text. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

const BEGIN = /(?=-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----)/;

/** Throws ConfigError when a file is not there or is not what it should be, or when the two do not belong together. */
export function keyPair(certFile: PemFile, keyFile: PemFile): KeyPair {
  const cert = certificates(certFile);
  const key = read(keyFile);
  const privateKey = privateKeyOf(keyFile, key);
  if (!new X509Certificate(cert).checkPrivateKey(privateKey)) {
    throw problem(keyFile, `is not the private key of the certificate in ${plain(certFile.path)}`);
  }
  return { cert, key };
}

/** The text of a file with one certificate or more. Throws ConfigError. */
export function certificates(file: PemFile): string {
  const text = read(file);
  const found = text.split(BEGIN).filter((part) => BEGIN.test(part));
  if (found.length === 0) throw problem(file, 'holds no PEM certificate');
  for (const one of found) {
    try {
      new X509Certificate(one);
    } catch {
      throw problem(file, 'holds a certificate that cannot be read');
    }
  }
  return text;
}

function privateKeyOf(file: PemFile, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch {
    throw problem(
      file,
      text.includes('ENCRYPTED') ? 'is encrypted; name one without a passphrase' : 'holds no PEM private key',
    );
  }
}

function read(file: PemFile): string {
  const text = readIfThere(file.path);
  if (text === undefined) throw new ConfigError(`${file.where}: there is no file ${plain(file.path)}`);
  return text;
}

function problem({ where, path }: PemFile, what: string): ConfigError {
  return new ConfigError(`${where}: ${plain(path)} ${what}`);
}
