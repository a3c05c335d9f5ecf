/** The version of this build. A constant, so that start-up reads no file; a test holds it to package.json's. */
export const VERSION = '0.1.0';
