"""The world the end-to-end tests run in: a CA, a DNS server, an httpd, and those who look at them.

SPDX-License-Identifier: Apache-2.0
"""
