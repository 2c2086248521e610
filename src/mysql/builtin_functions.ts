/**
 * Names that leave no state in a session when a parenthesis follows them: the built-in functions of
 * each server, except GET_LOCK, and keywords.
 *
 * A name is listed only if the server never takes it for a stored function. So each name has a
 * version: on an older server, a stored function may have that name. The lists leave out functions
 * that only the server's own views may call, and the geometry constructors of MariaDB (POINT …),
 * which a stored function with other parameters can hide.
 */

/** Keywords of either server that a parenthesis may follow. */
const grammar = `
  all analyze and any as avg between binary bit both by case char character date datetime dec
  decimal desc describe div distinct distinctrow double else enum exists explain float for force
  from group having high_priority ignore in index inner insert int integer interval into is join
  key keys leading left like limit match mod national nchar not null numeric nvarchar offset on or
  order partition real regexp replace return right rlike row select set signed some sql_big_result
  sql_calc_found_rows sql_small_result straight_join table then time timestamp trailing union
  unsigned update use using value values varbinary varchar when where with xor year
`;

/** Functions that both servers know. */
const common = `
  abs acos adddate addtime aes_decrypt aes_encrypt ascii asin atan atan2 avg benchmark bin
  bit_and bit_count bit_length bit_or bit_xor cast ceil ceiling char char_length
  character_length charset coalesce coercibility collation compress concat concat_ws
  connection_id conv convert convert_tz cos cot count crc32 curdate current_date current_time
  current_timestamp current_user curtime database date date_add date_format date_sub datediff
  day dayname dayofmonth dayofweek dayofyear default degrees elt exp export_set extract
  extractvalue field find_in_set floor format found_rows from_base64 from_days from_unixtime
  get_format greatest group_concat hex hour if ifnull inet6_aton inet6_ntoa inet_aton inet_ntoa
  insert instr interval is_free_lock is_ipv4 is_ipv4_compat is_ipv4_mapped is_ipv6 is_used_lock
  isnull json_array json_array_append json_array_insert json_contains json_contains_path
  json_depth json_extract json_insert json_keys json_length json_merge json_object json_quote
  json_remove json_replace json_search json_set json_type json_unquote json_valid last_day
  last_insert_id lcase least left length ln load_file localtime localtimestamp locate log log10
  log2 lower lpad ltrim make_set makedate maketime master_pos_wait max mbrcontains mbrdisjoint
  mbrequals mbrintersects mbroverlaps mbrtouches mbrwithin microsecond mid min minute mod month
  monthname name_const now nullif oct octet_length ord password period_add period_diff pi
  position pow power quarter quote radians rand release_lock repeat replace reverse right round
  row_count rpad rtrim schema sec_to_time second session_user sha2 sign sin sleep soundex space
  sqrt st_area st_asbinary st_asgeojson st_astext st_aswkb st_aswkt st_buffer st_centroid
  st_contains st_convexhull st_crosses st_difference st_dimension st_disjoint st_distance
  st_endpoint st_envelope st_equals st_exteriorring st_geomcollfromtext st_geomcollfromwkb
  st_geometrycollectionfromtext st_geometrycollectionfromwkb st_geometryfromtext
  st_geometryfromwkb st_geometryn st_geometrytype st_geomfromgeojson st_geomfromtext
  st_geomfromwkb st_interiorringn st_intersection st_intersects st_isclosed st_isempty
  st_issimple st_length st_linefromtext st_linefromwkb st_linestringfromtext
  st_linestringfromwkb st_mlinefromtext st_mlinefromwkb st_mpointfromtext st_mpointfromwkb
  st_mpolyfromtext st_mpolyfromwkb st_multilinestringfromtext st_multilinestringfromwkb
  st_multipointfromtext st_multipointfromwkb st_multipolygonfromtext st_multipolygonfromwkb
  st_numgeometries st_numinteriorrings st_numpoints st_overlaps st_pointfromtext
  st_pointfromwkb st_pointn st_polyfromtext st_polyfromwkb st_polygonfromtext st_polygonfromwkb
  st_srid st_startpoint st_symdifference st_touches st_union st_within st_x st_y std stddev
  stddev_pop stddev_samp str_to_date strcmp subdate substr substring substring_index subtime
  sum sysdate system_user tan time time_format time_to_sec timediff timestamp timestampadd
  timestampdiff to_base64 to_days to_seconds trim truncate ucase uncompress uncompressed_length
  unhex unix_timestamp updatexml upper user utc_date utc_time utc_timestamp uuid uuid_short
  values var_pop var_samp variance version week weekday weekofyear weight_string year yearweek
`;

/** Functions of MariaDB, with a version from which it has them. */
const mariadb: Names = [
  [
    100300,
    `
    area asbinary astext aswkb aswkt binlog_gtid_pos boundary buffer centroid chr column_add
    column_check column_create column_delete column_exists column_get column_json column_list
    contains convexhull crosses cume_dist current_role decode decode_histogram dense_rank
    des_decrypt des_encrypt dimension disjoint encode encrypt endpoint envelope equals except
    exteriorring first_value geomcollfromtext geomcollfromwkb geometrycollectionfromtext
    geometrycollectionfromwkb geometryfromtext geometryfromwkb geometryn geometrytype
    geomfromtext geomfromwkb glength interiorringn intersect intersects isclosed isempty isring
    issimple json_compact json_detailed json_exists json_loose json_merge_patch
    json_merge_preserve json_query json_value lag last_value lastval lead lengthb linefromtext
    linefromwkb linestringfromtext linestringfromwkb master_gtid_wait mbrequal md5 median
    mlinefromtext mlinefromwkb mpointfromtext mpointfromwkb mpolyfromtext mpolyfromwkb
    multilinestringfromtext multilinestringfromwkb multipointfromtext multipointfromwkb
    multipolygonfromtext multipolygonfromwkb nextval nth_value ntile numgeometries
    numinteriorrings numpoints nvl nvl2 old_password over overlaps percent_rank percentile_cont
    percentile_disc pointfromtext pointfromwkb pointn pointonsurface polyfromtext polyfromwkb
    polygonfromtext polygonfromwkb rank regexp_instr regexp_replace regexp_substr returning
    row_number setval sha sha1 srid st_boundary st_isring st_pointonsurface st_relate
    startpoint touches value within x y
  `,
  ],
  [
    100600,
    `
    add_months json_arrayagg json_objectagg release_all_locks rownum st_distance_sphere
    sys_guid to_char wsrep_last_seen_gtid wsrep_last_written_gtid wsrep_sync_wait_upto_gtid
  `,
  ],
  [
    101100,
    `
    crc32c json_equals json_normalize json_overlaps json_pretty natural_sort_key random_bytes
    sformat
  `,
  ],
  [
    110400,
    `
    format_pico_time json_array_intersect json_key_value json_object_filter_keys
    json_object_to_array json_schema_valid kdf
  `,
  ],
  [
    110800,
    `
    st_collect uuid_v4 uuid_v7 vec_distance vec_distance_cosine vec_distance_euclidean
    vec_fromtext vec_totext
  `,
  ],
];

/** Functions and keywords of MySQL, with a version from which it has them. */
const mysql: Names = [
  [
    50700,
    `
    any_value geometrycollection gtid_subset gtid_subtract linestring mbrcoveredby mbrcovers
    multilinestring multipoint multipolygon point polygon random_bytes release_all_locks
    st_buffer_strategy st_distance_sphere st_geohash st_isvalid st_latfromgeohash
    st_longfromgeohash st_makeenvelope st_numinteriorring st_pointfromgeohash st_simplify
    st_validate validate_password_strength wait_for_executed_gtid_set
  `,
  ],
  [
    80011,
    `
    bin_to_uuid cume_dist current_role dense_rank first_value geomcollection grouping
    icu_version is_uuid json_arrayagg json_merge_patch json_merge_preserve json_objectagg
    json_pretty json_storage_free json_storage_size json_table lag last_value lead nth_value
    ntile percent_rank rank regexp_instr regexp_like regexp_replace regexp_substr roles_graphml
    row_number st_swapxy statement_digest statement_digest_text uuid_to_bin columns over
  `,
  ],
  [
    80028,
    `
    format_bytes format_pico_time json_overlaps json_schema_valid json_schema_validation_report
    json_value ps_current_thread_id ps_thread_id source_pos_wait st_collect st_frechetdistance
    st_geomcollfromtxt st_hausdorffdistance st_latitude st_lineinterpolatepoint
    st_lineinterpolatepoints st_longitude st_pointatdistance st_transform lateral of returning
  `,
  ],
  [
    80031,
    `
    except intersect
  `,
  ],
  [
    90000,
    `
    etag from_vector string_to_vector to_vector vector_dim vector_to_string
  `,
  ],
];

/** Functions that MySQL moved to a component in version 9. */
const hashing = "md5 sha sha1";

/**
 * Names that are functions only without a space before the parenthesis, unless IGNORE_SPACE is on.
 */
const adjacent: ReadonlySet<string> = new Set(namesOf(`
  adddate bit_and bit_or bit_xor cast count cume_dist curdate curtime date_add date_sub
  dense_rank extract first_value group_concat json_arrayagg json_objectagg lag lead max median
  mid min now nth_value ntile percent_rank percentile_cont percentile_disc position rank
  session_user st_collect std stddev stddev_pop stddev_samp subdate substr substring sum sysdate
  system_user trim var_pop var_samp variance
`));

/** Names, with a version from which the server has them: 80011 for 8.0.11. */
type Names = readonly (readonly [since: number, names: string])[];

/** The built-in functions of a server. */
export interface Builtins {
  /** Whether it is MariaDB. */
  readonly isMariaDb: boolean;
  /** Names that leave no state behind when a parenthesis follows them. */
  readonly names: ReadonlySet<string>;
}

/**
 * Returns the built-in functions of a server by its version, such as "9.7.4" or
 * "5.5.5-10.11.19-MariaDB".
 */
export function builtinsOf(version: string): Builtins {
  const isMariaDb = /mariadb/i.test(version);
  const number = numberOf(version.replace(/^5\.5\.5-(?=\d)/, ""));
  const names = new Set(namesOf(grammar));
  for (const name of namesOf(common)) names.add(name);
  for (const [since, more] of isMariaDb ? mariadb : mysql) {
    if (number >= since) { for (const name of namesOf(more)) names.add(name); }
  }
  if (!isMariaDb && number < 90000) { for (const name of namesOf(hashing)) names.add(name); }
  return { isMariaDb, names };
}

/** Tells whether a name is a function only without a space before its parenthesis. */
export function mustBeAdjacent(name: string): boolean {
  return adjacent.has(name);
}

function numberOf(version: string): number {
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/, 3).map((part) =>
    parseInt(part) || 0
  );
  return major * 10000 + minor * 100 + patch;
}

function namesOf(list: string): string[] {
  return list.trim().split(/\s+/);
}
