"""What is told when an order ends: the order's detail by callback, a few lines by mail. Section 4.2, proposed."""

from __future__ import annotations

from mediaglot.emulators.transparent_edge import answer
from mediaglot.gateway.dialect import Dialect
from mediaglot.gateway.exchange import Request, headers
from mediaglot.gateway.mapping import Tree
from mediaglot.gateway.model import Notification, Ticket


def render(dialect: Dialect, ticket: Ticket, notification: Notification) -> Request:
    tree = answer.detail(dialect, None, ticket)
    if notification.style == "email":
        return mail(tree)
    if dialect.options["callback"] == "GET":
        return Request(method="GET")
    return Request(method="POST", headers=headers(content_type="application/json"), body=dialect.wire.write(tree))


def mail(tree: Tree) -> Request:
    lines = [tree["comment"] or f"Order {tree['order_id']}", f"Status: {tree['status']}", "", "Files:"]
    lines += [f"  {job['filename']} ({job['label']})" for job in tree["transcodingjob_set"]]
    lines += ["", "Destinations:", *(f"  {upload['upload_url']}" for upload in tree["transcodingupload_set"])]
    subject = f"Order {tree['order_id']} {tree['status'].lower()}"
    body = "\n".join([*lines, ""]).encode()
    return Request(method="POST", headers=headers(subject=subject, content_type="text/plain"), body=body)
