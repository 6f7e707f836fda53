package interop.server;

/** The record that all servers exchange: {"destination":"...","content":...}. */
record MessagePayload(String destination, Object content) {}
