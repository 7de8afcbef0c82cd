-- Lets the next pick look at every line for tokens, because it has changed what can start: a worker
-- came or went, a queue is paused, resumed or has another limit.
--
-- What has become able to start may stand before those for which the lines were looked at; and
-- those that were offered tokens and cannot start any more keep them from none.
-- Locks: none. Writes: doorbells. Plan: as gendurable._ring_name; without rate limits nothing.
create function gendurable._ring_rates() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
    if exists (select from gendurable.rate_limits) then
        perform gendurable._ring_name('rate_limit', '');
    end if;
end
$$;
comment on function gendurable._ring_rates() is 'Lets the next pick look at every line for tokens.';
