"""The durable path of both roles: one entry in, one durable outcome out; knows neither apps nor grants."""
