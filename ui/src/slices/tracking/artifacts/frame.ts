/**
 * A page from an artifact, made ready for a frame that may do nothing. Three walls, each enough by itself against a script: the
 * frame's sandbox without permissions (no scripts, no forms, an origin of its own), this policy, which the document begins with, and
 * the policy of our own page, which a document written into a frame inherits.
 */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; media-src data:; form-action 'none'; base-uri 'none'";

/** What comes first holds: a document that brings a policy of its own can only forbid more. */
export const framed = (html: string): string => `<!doctype html><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${POLICY}">${html}`;
