-- Refuses a name that is missing, empty or too long.
--
-- Errors: GD001, GD002.
create function gendurable._check_name(p_argument text, p_name text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if coalesce(p_name, '') = '' then
        perform gendurable._refuse('GD001', format('%s is required', p_argument),
                                   format('Give %s.', p_argument));
    elsif octet_length(p_name) > 1000 then
        perform gendurable._refuse(
            'GD002', format('%s is longer than 1,000 bytes: %s...', p_argument, left(p_name, 40)),
            'Use a shorter one.');
    end if;
end
$$;
comment on function gendurable._check_name(text, text)
    is 'Refuses a name that is missing, empty or too long.';
