/* A doorbell for Vendure 3: tells nervo at once that an order was placed or changed. Vendure has no webhooks of its own.

   Copy this file beside your vendure-config and add to its `plugins`:
     require('./nervo-doorbell').NervoDoorbellPlugin.init({ url: 'https://nervo.example.com/hooks/<connection>', secret: '…' })
   `secret` is the "Doorbell secret" of the connection in nervo. The body is signed: hex HMAC-SHA256 in X-Signature.

   It is only a bell: nervo reads the order again through the Admin API, and its sweep finds whatever a lost bell did not tell.
   Vendure hands events to subscribers after the transaction is committed, so the order can be read when the bell rings. */
'use strict';
const crypto = require('crypto');
const { VendurePlugin, PluginCommonModule, EventBus, OrderPlacedEvent, OrderStateTransitionEvent } = require('@vendure/core');

const CART = ['Created', 'Draft', 'AddingItems', 'ArrangingPayment'];
const PAUSES_MS = [0, 1000, 5000];
const TIMEOUT_MS = 10000;

class NervoDoorbellPlugin {
  static init(options) {
    NervoDoorbellPlugin.options = options;
    return NervoDoorbellPlugin;
  }

  constructor(bus) { this.bus = bus; }

  onApplicationBootstrap() {
    if (!NervoDoorbellPlugin.options || !NervoDoorbellPlugin.options.url) return;
    this.bus.ofType(OrderPlacedEvent).subscribe(e =>
      ring('order.placed', { id: e.order.id, code: e.order.code, state: e.toState }));
    this.bus.ofType(OrderStateTransitionEvent).subscribe(e =>
      CART.includes(e.toState) || ring('order.state', { id: e.order.id, code: e.order.code, from: e.fromState, to: e.toState }));
  }
}

/* Three attempts under one event id, so that nervo takes it once. */
async function ring(topic, event) {
  const { url, secret } = NervoDoorbellPlugin.options;
  const body = JSON.stringify(event);
  const headers = {
    'content-type': 'application/json', 'x-topic': topic, 'x-event-id': crypto.randomUUID(),
    'x-signature': crypto.createHmac('sha256', secret).update(body).digest('hex'),
  };
  for (const pause of PAUSES_MS) {
    await new Promise(resolve => setTimeout(resolve, pause));
    try {
      const answer = await fetch(url, { method: 'POST', body, headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (answer.ok || (answer.status >= 400 && answer.status < 500)) return;
    } catch { /* tried again; then the sweep finds it */ }
  }
}

Reflect.defineMetadata('design:paramtypes', [EventBus], NervoDoorbellPlugin);
VendurePlugin({ imports: [PluginCommonModule], compatibility: '^3.0.0' })(NervoDoorbellPlugin);
module.exports = { NervoDoorbellPlugin };
