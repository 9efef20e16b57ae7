"""The GraphQL documents. Each has its operation's name; checked against the vendor's schema in tests/test_contract.py."""

import re

_MONEY = "{ shopMoney { amount } }"
_TAX_LINES = f"taxLines {{ rate priceSet {_MONEY} }}"
_PAGE = "pageInfo { hasNextPage endCursor }"
_ADDRESS = "{ name company address1 address2 zip city provinceCode countryCodeV2 phone }"
_ERRORS = "userErrors { field message code }"
_PLAIN_ERRORS = "userErrors { field message }"

_VARIANT = """id sku barcode price compareAtPrice displayName product { id }
  inventoryItem { id tracked inventoryLevel(locationId: $location) { quantities(names: ["available"]) { name quantity } } }"""
_PRODUCT = """id handle status options { name }
  variants(first: 100) { nodes { id sku selectedOptions { name value } } pageInfo { hasNextPage endCursor } }"""
_LINE = f"""id sku title variantTitle quantity isGiftCard variant {{ id }} originalTotalSet {_MONEY}
  discountAllocations {{ allocatedAmountSet {_MONEY} }} {_TAX_LINES}"""
_FULFILLMENTS = """fulfillments(first: 50) { id status createdAt trackingInfo(first: 5) { company number url }
  fulfillmentLineItems(first: 50) { nodes { quantity lineItem { id sku } } } }"""
_TO_SHIP_LINES = f"nodes {{ id remainingQuantity lineItem {{ id sku }} }} {_PAGE}"
_ORDER = f"""id name createdAt updatedAt processedAt currencyCode taxesIncluded dutiesIncluded confirmed cancelledAt cancelReason closedAt
  displayFinancialStatus displayFulfillmentStatus email phone note customerLocale
  totalPriceSet {_MONEY} totalTaxSet {_MONEY} totalTipReceivedSet {_MONEY} originalTotalDutiesSet {_MONEY}
  lineItems(first: 20) {{ nodes {{ {_LINE} }} {_PAGE} }}
  shippingLines(first: 5) {{ nodes {{ title code discountedPriceSet {_MONEY} {_TAX_LINES} }} }}
  additionalFees {{ name price {_MONEY} {_TAX_LINES} }}
  transactions(first: 50) {{ id kind status gateway paymentId createdAt processedAt amountSet {_MONEY} parentTransaction {{ id }} }}
  refunds(first: 50) {{ id createdAt note totalRefundedSet {_MONEY}
    refundLineItems(first: 20) {{ nodes {{ quantity restockType lineItem {{ id sku }} }} }} }}
  {_FULFILLMENTS}
  customer {{ id displayName defaultEmailAddress {{ emailAddress }} }}
  purchasingEntity {{ ... on PurchasingCompany {{ company {{ name }} location {{ taxSettings {{ taxRegistrationId }} }} }} }}
  billingAddress {_ADDRESS} shippingAddress {_ADDRESS}
  customAttributes {{ key value }} metafields(first: 10) {{ nodes {{ key value }} }}
  localizedFields(first: 5) {{ nodes {{ key value }} }}"""

ABOUT = """query About($location: ID) {
  shop { name myshopifyDomain currencyCode taxesIncluded }
  currentAppInstallation { accessScopes { handle } }
  location(id: $location) { id name isActive } }"""

LISTINGS = f"""query Listings($first: Int!, $after: String, $query: String, $location: ID!) {{
  productVariants(first: $first, after: $after, query: $query, sortKey: ID) {{ nodes {{ {_VARIANT} }} {_PAGE} }} }}"""

LISTINGS_BY_ID = f"""query ListingsById($ids: [ID!]!, $location: ID!) {{
  nodes(ids: $ids) {{ ... on ProductVariant {{ {_VARIANT} }} }} }}"""

PUT_STOCK = f"""mutation PutStock($input: InventorySetQuantitiesInput!, $key: String!) {{
  inventorySetQuantities(input: $input) @idempotent(key: $key) {{ inventoryAdjustmentGroup {{ id }} {_ERRORS} }} }}"""

ACTIVATE = f"""mutation Activate($item: ID!, $location: ID!, $key: String!) {{
  inventoryActivate(inventoryItemId: $item, locationId: $location) @idempotent(key: $key) {{ {_PLAIN_ERRORS} }} }}"""

PRODUCT = f"""query Product($id: ID!) {{ product(id: $id) {{ {_PRODUCT} }} }}"""

PRODUCT_BY_HANDLE = f"""query ProductByHandle($handle: String!) {{
  productByIdentifier(identifier: {{ handle: $handle }}) {{ {_PRODUCT} }} }}"""

CREATE_PRODUCT = f"""mutation CreateProduct($product: ProductCreateInput!, $media: [CreateMediaInput!]) {{
  productCreate(product: $product, media: $media) {{ product {{ {_PRODUCT} }} {_PLAIN_ERRORS} }} }}"""

UPDATE_PRODUCT = f"""mutation UpdateProduct($product: ProductUpdateInput!) {{
  productUpdate(product: $product) {{ product {{ {_PRODUCT} }} {_PLAIN_ERRORS} }} }}"""

CREATE_VARIANTS = f"""mutation CreateVariants(
  $product: ID!, $variants: [ProductVariantsBulkInput!]!, $strategy: ProductVariantsBulkCreateStrategy) {{
  productVariantsBulkCreate(productId: $product, variants: $variants, strategy: $strategy) {{
    productVariants {{ id }} {_ERRORS} }} }}"""

UPDATE_VARIANTS = f"""mutation UpdateVariants($product: ID!, $variants: [ProductVariantsBulkInput!]!) {{
  productVariantsBulkUpdate(productId: $product, variants: $variants) {{ productVariants {{ id }} {_ERRORS} }} }}"""

ORDERS = f"""query Orders($first: Int!, $after: String, $query: String) {{
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {{ nodes {{ {_ORDER} }} {_PAGE} }} }}"""

NEWEST_ORDER = """query NewestOrder {
  orders(first: 1, sortKey: UPDATED_AT, reverse: true) { nodes { id updatedAt } } }"""

ORDER = f"""query Order($id: ID!) {{ order(id: $id) {{ {_ORDER} }} }}"""

MORE_LINES = f"""query MoreLines($id: ID!, $after: String) {{
  order(id: $id) {{ lineItems(first: 50, after: $after) {{ nodes {{ {_LINE} }} {_PAGE} }} }} }}"""

TO_SHIP = f"""query ToShip($id: ID!) {{ order(id: $id) {{ id name {_FULFILLMENTS}
  fulfillmentOrders(first: 5) {{ nodes {{ id status assignedLocation {{ location {{ id }} }}
    lineItems(first: 50) {{ {_TO_SHIP_LINES} }} }} }} }} }}"""

MORE_TO_SHIP = f"""query MoreToShip($id: ID!, $after: String) {{
  fulfillmentOrder(id: $id) {{ lineItems(first: 100, after: $after) {{ {_TO_SHIP_LINES} }} }} }}"""

FULFIL = f"""mutation Fulfil($fulfillment: FulfillmentInput!) {{
  fulfillmentCreate(fulfillment: $fulfillment) {{ fulfillment {{ id }} {_PLAIN_ERRORS} }} }}"""

CANCEL = """mutation Cancel($id: ID!, $reason: OrderCancelReason!, $note: String) {
  orderCancel(orderId: $id, reason: $reason, restock: true, notifyCustomer: false, staffNote: $note,
    refundMethod: { originalPaymentMethodsRefund: false }) {
    job { id done } orderCancelUserErrors { field message code } } }"""

SUBSCRIPTIONS = f"""query Subscriptions($after: String) {{
  webhookSubscriptions(first: 100, after: $after) {{ nodes {{ id topic uri }} {_PAGE} }} }}"""

SUBSCRIBE = f"""mutation Subscribe($topic: WebhookSubscriptionTopic!, $subscription: WebhookSubscriptionInput!) {{
  webhookSubscriptionCreate(topic: $topic, webhookSubscription: $subscription) {{
    webhookSubscription {{ id topic uri }} {_PLAIN_ERRORS} }} }}"""

RESUBSCRIBE = f"""mutation Resubscribe($id: ID!, $subscription: WebhookSubscriptionInput!) {{
  webhookSubscriptionUpdate(id: $id, webhookSubscription: $subscription) {{
    webhookSubscription {{ id topic uri }} {_PLAIN_ERRORS} }} }}"""


def put_prices(products: int) -> str:
    """One request for several products: productVariantsBulkUpdate takes one product, a document takes many fields (p0, p1, …)."""
    variables = ", ".join(f"$p{i}: ID!, $v{i}: [ProductVariantsBulkInput!]!" for i in range(products))
    fields = " ".join(
        f"p{i}: productVariantsBulkUpdate(productId: $p{i}, variants: $v{i}, allowPartialUpdates: true) {{ {_ERRORS} }}"
        for i in range(products)
    )
    return f"mutation PutPrices({variables}) {{ {fields} }}"


def operation(document: str) -> tuple[str, str]:
    """A document's kind and name: ("mutation", "PutStock")."""
    found = re.match(r"(query|mutation) (\w+)", document)
    assert found, document
    return found[1], found[2]
