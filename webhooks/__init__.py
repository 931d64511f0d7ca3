"""The reception desk: what arrives is verified, recorded once and acknowledged. Names no provider and no CRM."""
