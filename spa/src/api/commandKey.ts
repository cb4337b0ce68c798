/** A key under which a command is carried out once, however often it is sent. Pages without TLS have no `crypto.randomUUID`. */
export const commandKey = (): string => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
