-- How much a pick, the answers of a commit, and each list of an instance may hold: 64 MB.
create function gendurable._most_bytes() returns bigint
language sql immutable parallel safe
return 67108864;
comment on function gendurable._most_bytes() is 'How many bytes a pick hands out at most.';
