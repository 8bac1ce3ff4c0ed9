"""Packages of the machine: what can be upgraded, checking, applying, and schedules for both."""
