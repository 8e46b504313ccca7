"""The server: films as jobs behind the wire contract of the OpenAI Videos API. Needs `pip install 'skyloom[server]'`."""
